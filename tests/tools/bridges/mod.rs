//! The programs in `packaging/examples` that ship a log to another system, each with the real one, where that is installed.
//! The command, `openrange follow` and the other system are killed all the time, and nothing is lost.

mod kafka;
mod nats;
mod redis;
mod sqlite;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::support::harness::{Running, Server, TempDir, eventually, openrange};
use crate::support::machine::{skip, succeeds};
use crate::support::random::Random;

const ROUNDS: usize = 16;
/// Small, so that there are many.
const BATCH: [&str; 4] = ["--batch", "600", "--linger", "20"];

/// A record of the other system: the key that tells it from others, and the line.
type Record = (String, Vec<u8>);

/// The system that a log is shipped to.
trait Sink {
    /// What ships a batch.
    fn command(&self) -> Command;
    /// What has arrived, in order.
    fn records(&self) -> Vec<Record>;
    /// How many that are.
    fn count(&self) -> usize {
        self.records().len()
    }
    /// Kills it, and starts it again with what it has stored.
    fn crash(&mut self) {}
}

/// A program of `packaging/examples`.
fn example(name: &str) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/examples");
    let mut command = Command::new(directory.join(name));
    command.env("PATH", search_path());
    command
}

/// Where programs are. Python comes first: what is found under its name may be a wrapper that looks for it each time, and it
/// is started for each batch.
fn search_path() -> &'static OsStr {
    static PATH: OnceLock<OsString> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let script = "import os, sys; print(os.path.dirname(sys.executable), end='')";
        let python = Command::new("python3").args(["-c", script]).output();
        let python = python.map(|output| output.stdout).unwrap_or_default();
        if python.is_empty() {
            return path;
        }
        [OsStr::from_bytes(&python), &path].join(OsStr::new(":"))
    })
}

fn all_installed(programs: &[&str]) -> bool {
    let missing = |program: &&&str| !succeeds("sh", &["-c", &format!("command -v {program}")]);
    match programs.iter().find(missing) {
        Some(program) => skip(&format!("there is no {program}")),
        None => return true,
    }
    false
}

/// Lines that a program might read wrongly.
const LINES: [&str; 6] = [
    "",
    "it's \"quoted\" \\ $HOME `id` %s",
    "a\ttab, and a carriage return\r",
    "ünïcödé",
    " blanks around ",
    "insert into records values (0); --",
];

struct Bridge<'a, S> {
    sink: &'a mut S,
    logs: TempDir,
    home: TempDir,
    server: Server,
    follower: Option<Running>,
    written: Vec<Vec<u8>>,
    random: Random,
}

impl<S: Sink> Bridge<'_, S> {
    fn follow(&self, options: &[&str]) -> Running {
        let state = self.home.join("state").display().to_string();
        let url = format!("http://{}/log", self.server.address);
        let follow = ["follow", "--late", "1", "--state", &state];
        let mut command = openrange(&[&follow, &BATCH[..], options, &[&url, "--"]].concat());
        let ship = self.sink.command();
        command.arg(ship.get_program()).args(ship.get_args());
        command.env("PATH", search_path());
        Running::new(command)
    }

    /// Appends lines in two writes, the first of which ends anywhere.
    fn write(&mut self, round: usize) {
        let mut bytes = Vec::new();
        for number in 0..20 + self.random.below(40) {
            let line = format!("{round}.{number} {}", self.random.pick(&LINES));
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            self.written.push(line.into_bytes());
        }
        let cut = self.random.below(bytes.len() as u64) as usize;
        self.logs.append("log", &bytes[..cut]);
        self.logs.append("log", &bytes[cut..]);
    }

    /// The last line of some generations has no end.
    fn roll(&mut self, round: usize) {
        if self.random.below(2) == 0 {
            self.logs.append("log", "no end of line");
            self.written.push(b"no end of line".to_vec());
        }
        self.logs
            .rename("log", &format!("log.{:03}", ROUNDS - round));
        self.logs.write("log", "");
    }

    fn disturb(&mut self) {
        match self.random.below(6) {
            0 | 1 => self.kill_command(),
            2 => {
                self.follower.as_mut().expect("a follower").kill();
                self.follower = Some(self.follow(&[]));
            }
            3 => {
                self.stop();
                self.follower = Some(self.follow(&[]));
            }
            4 => self.sink.crash(),
            _ => {}
        }
    }

    /// Whichever is at work; it may be over before it is found.
    fn kill_command(&self) {
        let follower = self.follower.as_ref().expect("a follower");
        for _ in 0..1000 {
            if let Some(&child) = children(follower).first() {
                let _ = rustix::process::kill_process(child, Signal::KILL);
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn stop(&mut self) {
        let mut follower = self.follower.take().expect("a follower");
        follower.signal(Signal::TERM);
        let status = follower.wait();
        // Before it has begun to listen for the signal, that ends it.
        let ended = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        assert!(ended, "{status}");
    }
}

/// Those that it has started itself. To look through all processes would take a busy machine seconds.
fn children(parent: &Running) -> Vec<Pid> {
    let threads = fs::read_dir(parent.proc("task")).expect("its threads");
    let lists = threads.flatten().filter_map(|thread| {
        let list = fs::read_to_string(thread.path().join("children"));
        // A thread may be gone by now, but not the first one.
        assert!(list.is_ok() || thread.file_name() != *parent.id().to_string());
        list.ok()
    });
    let number = |word: &str| Pid::from_raw(word.parse().expect("a number"));
    let children = lists.flat_map(|list| {
        let words = list.split_whitespace();
        words.filter_map(number).collect::<Vec<_>>()
    });
    children.collect()
}

/// Ships a log with all its disturbances; what has arrived at the end.
fn ship(sink: &mut impl Sink) -> (Vec<Vec<u8>>, Vec<Record>) {
    let logs = TempDir::with("log", "");
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut bridge = Bridge {
        server: Server::start(&logs),
        logs,
        sink,
        home: TempDir::new(),
        follower: None,
        written: Vec::new(),
        random: Random::new(seed),
    };
    bridge.follower = Some(bridge.follow(&[]));
    // From then on it knows the first file, and no roll takes that from it.
    eventually("a position", || bridge.home.join("state").exists());
    for round in 0..ROUNDS {
        let before = bridge.sink.count();
        bridge.write(round);
        if bridge.random.below(2) == 0 {
            eventually("a record", || bridge.sink.count() > before);
        }
        bridge.disturb();
        if round % 4 == 3 {
            bridge.roll(round);
        }
    }
    bridge.stop();
    let mut last = bridge.follow(&["--until-caught-up"]);
    // What is left may be nearly everything, and each batch starts a program: each batch gets the time, and not all of them.
    while last.ended().is_none() {
        let before = bridge.sink.count();
        eventually("the end, or a further record", || {
            last.ended().is_some() || bridge.sink.count() > before
        });
    }
    assert!(last.wait().success());
    (bridge.written, bridge.sink.records())
}

/// Each line once, in order.
fn ships_exactly_once(sink: &mut impl Sink) {
    let (written, records) = ship(sink);
    let lines: Vec<Vec<u8>> = records.into_iter().map(|(_, line)| line).collect();
    assert_same(&lines, &written);
}

/// Each line at least once; each once, in order, for whoever drops records with a known key.
fn ships_at_least_once(sink: &mut impl Sink) {
    let (written, records) = ship(sink);
    let mut known = BTreeSet::new();
    let fresh = records
        .into_iter()
        .filter(|(key, _)| known.insert(key.clone()));
    let lines: Vec<Vec<u8>> = fresh.map(|(_, line)| line).collect();
    assert_same(&lines, &written);
}

fn assert_same(lines: &[Vec<u8>], written: &[Vec<u8>]) {
    let differ = lines
        .iter()
        .zip(written)
        .position(|(line, wrote)| line != wrote);
    let at = differ.unwrap_or(lines.len().min(written.len()));
    let show = |lines: &[Vec<u8>]| {
        let line = lines.get(at).cloned().unwrap_or_default();
        String::from_utf8_lossy(&line).into_owned()
    };
    assert!(
        lines == written,
        "{} lines of {}; they differ at {at}: {:?} for {:?}",
        lines.len(),
        written.len(),
        show(lines),
        show(written)
    );
}

/// A follower that is killed leaves a command with a part of a batch: it must take nothing of it.
fn refuses_a_part(sink: &impl Sink) {
    let before = sink.count();
    let mut command = sink.command();
    command
        .envs([
            ("OPENRANGE_ETAG", "W/\"0123456789abcdef\""),
            ("OPENRANGE_OFFSET", "0"),
            ("OPENRANGE_END", "8"),
        ])
        .env("OPENRANGE_URL", "http://127.0.0.1/log");
    let part = TempDir::with("part", "one\n");
    let stdin = fs::File::open(part.join("part")).expect("a file");
    let output = command.stdin(stdin).output().expect("the program");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cut off"), "{said}");
    assert_eq!(sink.count(), before);
}

#[test]
fn the_guide_shows_them_as_they_are() {
    let guide = include_str!("../../../src/guide/shipping.md");
    let mut shown = Vec::new();
    let blocks = guide.split("```").skip(1).step_by(2);
    let texts: Vec<&str> = blocks
        .filter_map(|block| Some(block.split_once('\n')?.1))
        .collect();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/examples");
    for file in fs::read_dir(directory).expect("the examples").flatten() {
        let text = fs::read_to_string(file.path()).expect("a program");
        assert!(
            texts.contains(&&*text),
            "{} is not shown",
            file.path().display()
        );
        shown.push(file.file_name());
    }
    assert_eq!(shown.len(), 4);
}
