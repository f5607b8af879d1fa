//! Following from another machine: `openrange follow` and `openrange mirror`, against the real server.

pub mod addresses;
mod bodies;
mod cascades;
mod commands;
mod compressed;
mod contradictions;
mod follow;
mod idle;
mod kinds;
mod messages;
mod mirror;
mod names;
mod origins;
mod pages;
mod relay;
mod sealed;
mod sinks;
#[cfg(feature = "tls")]
pub mod tls;
mod trees;
mod troubles;
mod unending;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};

use crate::support::harness::{BINARY, Server, TempDir, eventually, openrange};
use crate::support::machine::{is_root, skip, succeeds};

/// A client under way; killed when it is dropped.
pub struct Running {
    child: Child,
    home: TempDir,
}

impl Running {
    /// Starts `openrange COMMAND ...`; its stdout is a file.
    pub fn start(arguments: &[&str]) -> Running {
        Running::of(openrange(arguments))
    }

    pub fn of(mut command: Command) -> Running {
        let home = TempDir::new();
        let out = File::create(home.join("out")).expect("a file");
        let err = File::create(home.join("err")).expect("a file");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .expect("the binary");
        Running { child, home }
    }

    pub fn out(&self) -> String {
        fs::read_to_string(self.home.join("out")).expect("text")
    }

    pub fn err(&self) -> String {
        fs::read_to_string(self.home.join("err")).expect("text")
    }

    /// Waits until stdout is that.
    pub fn has(&self, expected: &str) {
        eventually(
            &format!("{expected:?}, but {:?}, {:?}", self.out(), self.err()),
            || self.out() == expected,
        );
    }

    pub fn says(&self, part: &str) {
        eventually(part, || self.err().contains(part));
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// SIGTERM.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("an end");
        (status, self.out())
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_some()
    }

    /// Its own end: exit code, stdout, stderr.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let status = self.child.wait().expect("an end");
        (status.code(), self.out(), self.err())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a client to its end: exit code, stdout, stderr.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    Running::start(arguments).end()
}

/// Waits until a client ends, with 0; returns what it said.
fn ends_well(mut mirror: Running) -> String {
    eventually("an end", || mirror.is_over());
    let (code, _, err) = mirror.end();
    assert_eq!(code, Some(0), "{err}");
    err
}

/// A mirror whose file permissions are those of a user who is not root, or none if there can be no such thing here.
fn without_privileges(arguments: &[&str]) -> Option<Running> {
    if !is_root() {
        return Some(Running::start(arguments));
    }
    let bounds = "--bounding-set=-dac_override,-dac_read_search";
    if !succeeds("setpriv", &[bounds, "true"]) {
        skip("no setpriv");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args([bounds, BINARY]).args(arguments);
    Some(Running::of(command))
}

/// `NAME.1` becomes `NAME.2` and so on, as logrotate does it, then NAME becomes `NAME.1`.
pub fn rotate(root: &TempDir, name: &str) {
    for number in (1..9).rev() {
        let from = format!("{name}.{number}");
        if root.join(&from).exists() {
            root.rename(&from, &format!("{name}.{}", number + 1));
        }
    }
    root.rename(name, &format!("{name}.1"));
}

/// What is visible in a directory: names and contents.
pub fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("UTF-8"));
    let mut files: Vec<_> = names
        .filter(|name| !name.starts_with('.'))
        .map(|name| {
            let bytes = fs::read(directory.join(&name)).unwrap_or_default();
            (name, bytes)
        })
        .collect();
    files.sort();
    files
}

fn url(server: &Server, path: &str) -> String {
    server.url(path)
}

/// The URL of a path at a server that listens on a unix socket.
pub fn unix_url(socket: &Path, path: &str) -> String {
    let encoded = socket.to_str().expect("UTF-8").replace('/', "%2F");
    format!("http+unix://{encoded}{path}")
}
