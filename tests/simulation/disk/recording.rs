//! The real server, traced, while clients write to it: what it was asked, and each step of what it did.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::model::{Disk, File};
use super::trace::{CALLS, Inode, Reader, Step};
use crate::support::client::{Client, Response, request};
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::random::Random;

/// Requests at a time.
pub const CLIENTS: usize = 4;
const ROUNDS: usize = 30;
/// The file that is only replaced with `Prefer: fsync`, and what it permits.
pub const KEPT: &str = "in/kept";
pub const KEPT_MODE: u32 = 0o600;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Appends a record to a log.
    Post,
    /// Appends a record at an offset; seals the file.
    Patch {
        target: String,
        offset: u64,
        seal: bool,
    },
    /// Replaces a file by another version.
    Put {
        target: String,
    },
    /// Gives a log another name.
    Move {
        to: String,
    },
    Delete {
        target: String,
    },
}

#[derive(Debug, Clone)]
pub struct Asked {
    pub kind: Kind,
    /// The record, or the version.
    pub content: Vec<u8>,
}

/// What happened in one run of a server.
pub struct Recording {
    pub requests: Vec<Asked>,
    pub steps: Vec<Step>,
    initial: BTreeMap<String, Inode>,
    files: Vec<File>,
}

impl Recording {
    /// As it was before the first step.
    pub fn disk(&self) -> Disk {
        Disk::new(&self.initial, self.files.clone())
    }

    /// `None`: nothing can be traced here. `fails`: the disk fails at one call.
    pub fn new(seed: u64, fails: bool) -> Option<Recording> {
        let dir = TempDir::new();
        let home = TempDir::new();
        dir.mkdir("in/sub");
        dir.write(KEPT, version(0));
        let mode = fs::Permissions::from_mode(KEPT_MODE);
        fs::set_permissions(dir.join(KEPT), mode).expect("chmod");
        let initial = BTreeMap::from([(KEPT.to_owned(), 0)]);
        let files = vec![File::on_disk(version(0), KEPT_MODE)];
        let trace = home.join("trace");
        let mut command = Command::new("strace");
        // The tracer is the grandchild: signals are for the server.
        command.args(["-D", "-f", "-xx", "-s", "1000000", "-e", CALLS, "-o"]);
        command.arg(&trace);
        if fails {
            command.args(["-e", "inject=fdatasync:error=EIO:when=6"]);
        }
        command
            .arg(env!("CARGO_BIN_EXE_openrange"))
            .args([
                "--write",
                "/in",
                "--threads",
                "1",
                "--listen",
                "127.0.0.1:0",
            ])
            .arg(dir.path());
        let server = match Command::new("strace").arg("-V").output() {
            Ok(_) => Server::try_launch(command).ok()?,
            Err(_) => return None,
        };
        let main = server.running.id();
        let requests = Driver::new(&server, seed).run();
        assert!(server.stop().success());
        let main = main.to_string();
        let ended = |line: &str| {
            let (thread, text) = line.split_once(' ').unwrap_or_default();
            thread == main && text.trim_start().starts_with("+++ exited")
        };
        let read = || fs::read_to_string(&trace).unwrap_or_default();
        eventually("the end of the trace", || read().lines().any(ended));
        let root = dir.path().to_str().expect("UTF-8");
        let mut reader = Reader::new(root, initial.clone());
        read().lines().for_each(|line| reader.line(line));
        let recording = Recording {
            requests,
            steps: reader.steps(),
            initial,
            files,
        };
        recording.compare(dir.path());
        Some(recording)
    }

    /// The steps lead to what the real directory has: nothing was overlooked.
    fn compare(&self, root: &Path) {
        let mut disk = self.disk();
        self.steps.iter().for_each(|step| disk.step(step));
        let survivors = disk.process();
        assert!(!self.steps.is_empty(), "nothing was traced");
        for directory in ["in", "in/sub"] {
            for entry in fs::read_dir(root.join(directory)).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    continue;
                }
                let name = path.strip_prefix(root).expect("below").to_str();
                let found = &survivors[name.expect("UTF-8")];
                assert!(fs::read(&path).expect("a file") == found.bytes, "{path:?}");
                let mode = path.metadata().expect("its mode").mode() & 0o777;
                let sealed = mode & 0o222 == 0;
                assert_eq!(sealed, found.mode & 0o222 == 0, "{path:?}");
            }
        }
        for name in survivors.keys() {
            assert!(root.join(name).exists(), "{name}");
        }
    }
}

/// Version K of a file that is replaced: no two of them have the same length, or begin or end with the same bytes.
pub fn version(number: usize) -> Vec<u8> {
    let text = format!("version {number:06}\n");
    text.repeat(1 + number * 37 % 1000).into_bytes()
}

/// Record K, which says how long it is, and ends as it begins.
pub fn record(number: usize, length: usize) -> Vec<u8> {
    let begin = format!("{number:06} {length:06} ");
    let fill = "x".repeat(length - begin.len() - 7);
    format!("{begin}{fill}{number:06}\n").into_bytes()
}

/// Clients that write at the same time.
struct Driver {
    clients: Vec<Client>,
    random: Random,
    requests: Vec<Asked>,
    heads: Vec<String>,
    /// How often a log was rolled, and the names that are deleted one after the other.
    names: usize,
    patched: (usize, u64),
}

impl Driver {
    fn new(server: &Server, seed: u64) -> Driver {
        Driver {
            clients: (0..CLIENTS).map(|_| Client::new(server)).collect(),
            random: Random::new(seed),
            requests: Vec::new(),
            heads: Vec::new(),
            names: 0,
            patched: (0, 0),
        }
    }

    fn run(mut self) -> Vec<Asked> {
        for _ in 0..ROUNDS {
            let first = self.requests.len();
            for number in first..first + CLIENTS {
                // One at a time at the offset that is known.
                self.build(number, number == first);
                let bytes = [
                    self.heads[number].as_bytes(),
                    &self.requests[number].content,
                ];
                self.clients[number - first].send(bytes.concat());
            }
            for number in first..first + CLIENTS {
                let response = self.clients[number - first].response();
                self.learn(number, &response);
            }
        }
        self.requests
    }

    fn build(&mut self, number: usize, may_patch: bool) {
        let length = match self.random.below(5) {
            0 => 9000,
            _ => 30 + self.random.below(200),
        };
        let appended = record(number, usize::try_from(length).expect("short"));
        let mut fields = vec![format!("X-Id: {number}")];
        let mut fsync = self.random.below(2) == 0;
        let (method, target, kind, content) = match self.random.below(14) {
            0..3 if may_patch => {
                let (index, offset) = self.patched;
                let target = format!("in/patched{index}");
                let seal = self.random.below(4) == 0;
                fields.push("Content-Type: application/partial-upload".into());
                fields.push(format!("Upload-Offset: {offset}"));
                fields.push(format!("Upload-Complete: ?{}", u8::from(seal)));
                let kind = Kind::Patch {
                    target: target.clone(),
                    offset,
                    seal,
                };
                ("PATCH", target, kind, appended)
            }
            3..5 => {
                fsync = true;
                let target = KEPT.to_owned();
                let kind = Kind::Put {
                    target: target.clone(),
                };
                ("PUT", target, kind, version(number))
            }
            5 => {
                let target = "in/fast".to_owned();
                let kind = Kind::Put {
                    target: target.clone(),
                };
                ("PUT", target, kind, version(number))
            }
            6 => {
                self.names += 1;
                let to = format!("in/sub/log.{}", self.names);
                fields.push(format!("Destination: /{to}"));
                ("MOVE", "in/log".into(), Kind::Move { to }, Vec::new())
            }
            7 if self.names > 1 => {
                let target = format!("in/sub/put.{}", self.random.below(self.names as u64));
                let kind = Kind::Delete {
                    target: target.clone(),
                };
                ("DELETE", target, kind, Vec::new())
            }
            8 => {
                self.names += 1;
                let target = format!("in/sub/put.{}", self.names);
                let kind = Kind::Put {
                    target: target.clone(),
                };
                ("PUT", target, kind, version(number))
            }
            _ => ("POST", "in/log".into(), Kind::Post, appended),
        };
        fields.push(format!("Content-Length: {}", content.len()));
        if fsync {
            fields.push("Prefer: fsync".into());
        }
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        self.heads
            .push(request(method, &format!("/{target}"), &fields));
        self.requests.push(Asked { kind, content });
    }

    fn learn(&mut self, number: usize, response: &Response) {
        let Kind::Patch { seal, .. } = self.requests[number].kind else {
            return;
        };
        if let Some(length) = response.get("Upload-Offset") {
            self.patched.1 = length.parse().expect("a length");
        }
        if seal && response.status < 300 {
            self.patched = (self.patched.0 + 1, 0);
        }
    }
}
