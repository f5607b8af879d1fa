//! Torture: the real binary, a dozen writers that roll their logs in every way, a hundred followers that verify every
//! byte, and somebody who stops and kills the server meanwhile. And a chain of servers, mirrors and followers, of which
//! everything is killed. And producers over HTTP and local ones, on a server that is killed.
//!
//! `OPENRANGE_TORTURE_SECONDS=600 cargo test --release --test torture` goes on longer; `OPENRANGE_TORTURE_SEED` gives
//! the threads the same numbers again (what they meet depends on the clock all the same).

#[path = "../support/mod.rs"]
mod support;

mod chain;
mod client;
mod content;
mod farewell;
mod follower;
mod judge;
mod producers;
mod records;
mod server;
mod topic;
mod world;
mod writer;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, Builder, Scope};
use std::time::{Duration, Instant, SystemTime};

use content::Rng;
use follower::Follower;
use server::Server;
use topic::Topic;
use world::World;
use writer::{Layout, Writer};

const TOPICS: usize = 12;
const FOLLOWERS: usize = 100;
const SECONDS: u64 = 6;
const STACK: usize = 256 * 1024;
/// KiB that the server may hold after a hundred clients more than before.
const MEMORY_MAX: usize = 6 * 1024;
/// KiB besides for each directory of a log that it observes: names, and which file had which. In minutes it gets to observe as
/// many logs as it observes at most.
const OBSERVED_MAX: usize = 4;

#[test]
fn torture() {
    let (seed, seconds) = seed_and_seconds();
    say(&format!("seed {seed}, {seconds} seconds"));

    let home =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-{}", std::process::id()));
    let root = home.join("root");
    for directory in ["old", "store"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    let mut rng = Rng::new(seed, 0);
    let mut server = Server::start(&root, || 20_000 + rng.below(12_000) as u16);
    let topics = (0..TOPICS).map(|index| Topic::new(index, Layout::of(index).path(index)));
    let world = World::new(seed, root, topics.collect(), server.port);

    let time = Duration::from_secs(seconds);
    thread::scope(|scope| load(scope, &world, || disturb(&world, &mut server, rng, time)));
    if !world.failed() {
        check_leaks(&world, &server);
    }
    if !world.failed() {
        farewell::farewell(&world, &mut server);
    }
    say(&format!("seed {seed}: {}", world.counts.report()));
    let failures = world.failures().join("\n");
    let log = server.log();
    let log: Vec<&str> = log.lines().rev().take(20).collect();
    assert!(
        failures.is_empty(),
        "OPENRANGE_TORTURE_SEED={seed}\n{failures}\nthe server said, last first:\n{}",
        log.join("\n")
    );
    fs::remove_dir_all(home).expect("it is ours");
}

/// What the environment says, or something new.
fn seed_and_seconds() -> (u64, u64) {
    let number = |name| std::env::var(name).map(|text| text.parse().expect(name));
    let seed = number("OPENRANGE_TORTURE_SEED").unwrap_or_else(|_| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.expect("after 1970").as_nanos() as u64
    });
    let seconds = number("OPENRANGE_TORTURE_SECONDS").unwrap_or(SECONDS);
    (seed, seconds)
}

/// Not by a macro, of which the output is kept back until a test fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "torture: {line}");
}

/// Runs writers and followers while `meanwhile` lasts, and until the last byte is delivered.
fn load<'s>(scope: &'s Scope<'s, '_>, world: &'s World, meanwhile: impl FnOnce()) {
    let spawn = |work: Box<dyn FnOnce() + Send + 's>| {
        Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .expect("a thread")
    };
    let mut writers = Vec::new();
    for topic in &world.topics {
        let writer = Writer::new(world, topic).expect("a first generation");
        writers.push(spawn(Box::new(move || {
            if let Err(why) = writer.run() {
                world.fail(format!("{}: {why}", topic.path));
            }
        })));
    }
    for id in 0..TOPICS + FOLLOWERS {
        let follower = Follower::new(world, &world.topics[id % TOPICS], id, id < TOPICS);
        spawn(Box::new(move || follower.run()));
    }
    meanwhile();
    world.stop_writers();
    for writer in writers {
        let _ = writer.join();
    }
    world.stop_followers();
}

/// Stops and continues the server, kills it and starts it again, for so long.
fn disturb(world: &World, server: &mut Server, mut rng: Rng, time: Duration) {
    let start = Instant::now();
    let mut next_kill = Instant::now() + time / 4;
    while start.elapsed() < time && !world.failed() {
        world.wait(Duration::from_millis(20 + rng.below(200)));
        // The last of them has time to show what it keeps.
        if Instant::now() < next_kill || start.elapsed() > time * 3 / 4 {
            server.pause(Duration::from_millis(rng.below(120)));
            world.counts.pauses.fetch_add(1, SeqCst);
            continue;
        }
        next_kill += Duration::from_millis(500 + rng.below(4000));
        let _calm = world.calm.write().expect("nobody panics with it");
        world.next_up();
        if let Err(why) = server.restart() {
            return world.fail(format!("restart: {why}"));
        }
        world.next_up();
        world.counts.restarts.fetch_add(1, SeqCst);
    }
}

/// When all have left, the server holds nothing of them.
fn check_leaks(world: &World, server: &Server) {
    if let Some(held) = server.leaks() {
        world.fail(format!(
            "leaks: {:?} at its start, {held:?} at the end",
            server.start
        ));
    }
    match server.holdings() {
        None => world.fail("the server is gone".into()),
        Some(held) => {
            let observed = held.watches.saturating_sub(server.start.watches);
            if held.memory > server.start.memory + MEMORY_MAX + observed * OBSERVED_MAX {
                world.fail(format!(
                    "memory: {:?} at its start, {held:?} at the end",
                    server.start
                ));
            }
        }
    }
}
