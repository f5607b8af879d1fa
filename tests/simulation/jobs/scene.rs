//! One world: a directory, a server, workers, hooks and clients, and whoever starts them again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use openrange::job::JobId;
use openrange::jobs::files::JobDirectory;

use super::kernel::{Fault, World};
use super::life::{Ledger, Order};
use super::server::Port;
use super::stage::{Event, Process, Stage};
use super::{client, hooks, server, worker};
use crate::support::harness::TempDir;
use crate::support::random::Random;

pub struct Scene {
    pub stage: Stage,
    pub world: Arc<World>,
    pub path: PathBuf,
    pub port: Mutex<Port>,
    /// What each client still wants.
    pub orders: Mutex<Vec<Vec<Order>>>,
    /// The state file of hooks.
    pub saved: Mutex<Option<String>>,
    /// `--retry`
    pub retry: u64,
    /// `--jobs-max`
    pub most: usize,
    pub begin: Instant,
    ledger: Mutex<Ledger>,
    calm: AtomicBool,
}

/// Who is started again when it has died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Server,
    Worker(u64),
    Hooks,
    Client(usize),
}

/// Milliseconds of a life in which everybody dies, of what follows until everything is over, and of a look at who lives.
const TROUBLE: u64 = 20_000;
const CALM: u64 = 300_000;
const LOOK: u64 = 700;

impl Scene {
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no panic")
    }

    /// The directory, as a process of this world has it.
    pub fn directory(&self) -> JobDirectory {
        let directory = JobDirectory::open(&self.path).expect("a directory");
        let world = Arc::clone(&self.world);
        directory.on(world)
    }

    /// Jobs whose ends a client cannot have seen: their answers are not sealed.
    pub fn open_jobs(&self) -> usize {
        let names = std::fs::read_dir(&self.path).expect("a directory");
        let names = names.map(|entry| entry.expect("an entry").file_name());
        let is_open = |name: &OsString| {
            let name = name.to_str().expect("a name");
            let id = name
                .strip_prefix('.')
                .and_then(|name| name.strip_suffix(".job"));
            id.is_some_and(|id| !client::is_sealed(&self.path.join(id)))
        };
        names.filter(is_open).count()
    }

    /// Nothing fails any more.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Everything ends if a promise is broken.
    pub fn keep(&self, promise: Result<(), String>) {
        if let Err(why) = promise {
            self.stage.fail(why);
        }
    }

    /// The name that the server gives the job of an order.
    pub fn name(&self, order: &Order) -> JobId {
        let mut number = u128::from(order.key);
        if self.world.errs(Fault::OtherJob) {
            number += 1000;
        }
        JobId::from_bits(number << 64 | 0xabc)
    }
}

/// Runs the life that this seed names.
pub fn run(seed: u64, fault: Fault) -> BTreeSet<&'static str> {
    let mut random = Random::new(seed);
    let directory = TempDir::in_memory();
    let scene = build(&mut random, fault, directory.path().to_owned());
    live(&scene, &mut random);
    scene.stage.end();
    let mut result = scene.stage.failure().map_or(Ok(()), Err);
    if result.is_ok() {
        result = scene.ledger().check(&scene.path, scene.retry);
    }
    if let Err(why) = result {
        panic!("{why}");
    }
    if scene.stage.has_deaths() {
        scene.ledger().reach("deaths");
    }
    std::mem::take(&mut scene.ledger().outcomes)
}

fn build(random: &mut Random, fault: Fault, path: PathBuf) -> Arc<Scene> {
    let deaths = random.below(8);
    let odds = [40, 150, 500][random.below(3) as usize];
    let stage = Stage::new(Random::new(random.number()), deaths, odds);
    let full = [0, 40, 8][random.below(3) as usize];
    let mut orders = Vec::new();
    let mut known = BTreeMap::new();
    for client in 0..=random.below(3) {
        let count = 1 + random.below(3);
        let order = |number| order(random, client * 10 + number, &mut known);
        orders.push((0..count).map(order).collect());
    }
    let ledger = Ledger {
        orders: known,
        ..Ledger::default()
    };
    Arc::new(Scene {
        world: Arc::new(World::new(stage.clone(), fault, full)),
        stage,
        path,
        port: Mutex::default(),
        orders: Mutex::new(orders),
        saved: Mutex::default(),
        retry: [0, 0, 1, 3][random.below(4) as usize],
        most: [1, 2, 10_000][random.below(3) as usize],
        begin: worker::begin(),
        ledger: Mutex::new(ledger),
        calm: AtomicBool::new(false),
    })
}

fn order(random: &mut Random, key: u64, known: &mut BTreeMap<u64, Order>) -> Order {
    // Now and then somebody else has asked for the same before.
    if random.below(5) == 0
        && let Some(order) = known.values().next()
    {
        return order.clone();
    }
    let mut maybe = |odds, bound| (random.below(odds) == 0).then(|| random.below(bound));
    let callback = maybe(2, 4).map(|number| match number {
        0 => "http://other:9000/".to_owned(),
        number => format!("{}{number}", super::hooks::ALLOWED),
    });
    let order = Order {
        key,
        timeout: maybe(4, 6),
        callback,
        cancel: maybe(5, 4),
        leaves: maybe(6, 4),
        body: "x".repeat(random.below(60) as usize),
    };
    known.insert(key, order.clone());
    order
}

/// Starts everybody, and again whoever has died; after a while nobody dies any more, and everything has to come to its end.
fn live(scene: &Arc<Scene>, random: &mut Random) {
    let mut roles = vec![Role::Server, Role::Hooks];
    roles.extend((0..=random.below(2)).map(|_| Role::Worker(1 + random.below(2))));
    let clients = scene.orders.lock().expect("no panic").len();
    roles.extend((0..clients).map(Role::Client));
    let mut cast: Vec<(Role, Option<Process>)> =
        roles.into_iter().map(|role| (role, None)).collect();
    let stage = &scene.stage;
    let trouble = stage.below(TROUBLE);
    let mut over = false;
    while stage.failure().is_none() {
        let calm = stage.now() > trouble;
        if calm && !scene.is_calm() {
            stage.calm();
            scene.calm.store(true, Ordering::Relaxed);
            *scene.world.full.lock().expect("no panic") = 0;
        }
        for (role, process) in &mut cast {
            let dead = process.is_none_or(|process| !stage.is_alive(process));
            if dead && (calm || stage.once_in(3)) {
                *process = start(scene, *role);
            }
        }
        if calm && is_over(scene) {
            let listens = scene.port.lock().expect("no panic").server.is_some();
            match over {
                true if listens => return,
                true => {}
                // The next one removes what those have left that died.
                false => cast.iter().for_each(|(role, process)| match process {
                    Some(process) if *role == Role::Server => stage.kill(*process),
                    _ => {}
                }),
            }
            over = true;
        }
        if stage.now() > trouble + CALM {
            return stage.fail(format!("it never ends: {}", open(scene)));
        }
        if !calm && stage.once_in(6) {
            trouble_maker(scene);
        }
        let look = if calm { 3 * LOOK } else { LOOK };
        stage.sleep(1 + stage.below(look), Event::Never);
    }
}

/// Somebody creates the status of an open job and writes none into it.
fn damage_status(scene: &Scene) {
    let names = std::fs::read_dir(&scene.path).expect("a directory");
    let names = names.map(|entry| entry.expect("an entry").file_name().into_string());
    let jobs = names.filter_map(|name| name.ok()?.strip_suffix(".request")?.parse().ok());
    let mut jobs: Vec<JobId> = jobs.collect();
    jobs.sort_unstable();
    if jobs.is_empty() {
        return;
    }
    let id = jobs[scene.stage.below(jobs.len() as u64) as usize];
    let name = format!("{id}.status");
    let Ok(mut file) = File::create_new(scene.path.join(&name)) else {
        return;
    };
    let text: &[u8] = [&b""[..], b"mine\n"][scene.stage.below(2) as usize];
    file.write_all(text).expect("a file in memory");
    scene.world.date(file.as_fd());
    scene.world.created(&name);
    scene.ledger().reach("status damaged");
}

/// The queue is rolled, the clock is set, or a status is damaged.
fn trouble_maker(scene: &Scene) {
    match scene.stage.below(3) {
        0 => {
            let to = format!("queue.{}", scene.stage.now());
            let rolled = std::fs::rename(scene.path.join("queue"), scene.path.join(to));
            if rolled.is_ok() {
                scene.world.queue_names.fetch_add(1, Ordering::Relaxed);
                scene.stage.wake(Event::Queue);
                scene.ledger().reach("queue rolled");
            }
        }
        1 => damage_status(scene),
        _ => {
            let skew = scene.stage.below(60).cast_signed() - 30;
            *scene.world.skew.lock().expect("no panic") = skew;
            scene.ledger().reach("clock set");
        }
    }
}

fn start(scene: &Arc<Scene>, role: Role) -> Option<Process> {
    Some(match role {
        Role::Server => {
            if scene.world.fault == Fault::RequestLost {
                lose_request(scene);
            }
            scene.port.lock().expect("no panic").close();
            server::start(scene)
        }
        Role::Worker(runners) => worker::start(scene, runners),
        Role::Hooks => hooks::start(scene),
        Role::Client(number) => {
            if scene.orders.lock().expect("no panic")[number].is_empty() {
                return None;
            }
            client::start(scene, number)
        }
    })
}

fn lose_request(scene: &Scene) {
    for entry in std::fs::read_dir(&scene.path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "request") && scene.stage.once_in(2) {
            std::fs::remove_file(path).expect("a file");
        }
    }
}

/// Whether nobody waits for anything.
fn is_over(scene: &Scene) -> bool {
    let orders = scene.orders.lock().expect("no panic");
    let waiting = orders.iter().any(|orders| !orders.is_empty());
    !waiting && scene.ledger().check_ends(&scene.path, scene.retry).is_ok()
}

/// What is not over, in words.
fn open(scene: &Scene) -> String {
    let waiting = scene.orders.lock().expect("no panic").clone();
    let why = scene.ledger().check(&scene.path, scene.retry);
    format!("{waiting:?}, {why:?}")
}
