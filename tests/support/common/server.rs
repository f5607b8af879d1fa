//! The real binary as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};

use super::client::{Client, Response, Tail};
use super::seccomp::{self, Lack};
use super::{Directory, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_openrange");

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
    _private: Directory,
}

impl Server {
    /// Serves a directory on a free port of loopback.
    pub fn start(root: &Path, options: &[&str]) -> Server {
        Server::within(&[], root, options).expect("a server")
    }

    /// The same, started by a shell that does something first (`$@` is the server).
    pub fn after(script: &str, root: &Path, options: &[&str]) -> Result<Server, String> {
        let script = format!("{script}; exec \"$@\"");
        Server::within(&["sh", "-ec", &script, "sh"], root, options)
    }

    /// The same, where the shell has user and mount namespaces of its own, in which it is root.
    pub fn in_namespace(script: &str, root: &Path, options: &[&str]) -> Result<Server, String> {
        let script = format!("{script}; exec \"$@\"");
        let wrapper = ["unshare", "-Urm", "sh", "-ec", &script, "sh"];
        Server::within(&wrapper, root, options)
    }

    /// The same, where some system calls fail.
    pub fn without(lacks: &[Lack], root: &Path, options: &[&str]) -> Result<Server, String> {
        let mut command = Command::new(BINARY);
        seccomp::deny(&mut command, lacks);
        let server = Server::launch(command, root, options)?;
        assert_eq!(server.status("Seccomp"), "2", "no filter");
        Ok(server)
    }

    /// Everything in `wrapper` must exec the rest, so that the child is the server.
    fn within(wrapper: &[&str], root: &Path, options: &[&str]) -> Result<Server, String> {
        let words: Vec<&str> = wrapper.iter().copied().chain([BINARY]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        Server::launch(command, root, options)
    }

    /// `Err` says why nothing was announced.
    fn launch(mut command: Command, root: &Path, options: &[&str]) -> Result<Server, String> {
        let private = Directory::new();
        // A file and no pipe: a server must not wait for a test that does not read.
        let log = private.join("log");
        let stderr = fs::File::create(&log).expect("a log file");
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .arg(root)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("an announcement");
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix('/'))
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(fs::read_to_string(&log).unwrap_or_default());
        };
        Ok(Server {
            child,
            address,
            log,
            _private: private,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        self.connect().get(target, fields).expect("an answer")
    }

    /// A tail of a file from an offset.
    pub fn tail(&self, target: &str, from: u64) -> Tail {
        Tail::open(self.connect(), target, from, &[])
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log")).into_owned()
    }

    pub fn log_lines_with(&self, text: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// The path at which a process of another mount namespace sees a file.
    pub fn path_inside(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.pid())).join(path)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("the descriptors of a child")
            .count()
    }

    /// A field of /proc/PID/status.
    pub fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a status");
        status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .unwrap_or_else(|| panic!("no {field} in {status}"))
            .trim()
            .into()
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let text = self.status("VmRSS");
        text.trim_end_matches(" kB").parse().expect("a number")
    }

    /// CPU time used by all its threads so far, in ticks of 10 ms.
    pub fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a stat");
        let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
        let field = |n: usize| after_name.split_whitespace().nth(n);
        // proc_pid_stat(5): state is field 3, utime 14, stime 15.
        let number = |n| field(n).and_then(|text| text.parse::<u64>().ok());
        number(11).expect("utime") + number(12).expect("stime")
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Stops it and waits until every thread has stopped.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        eventually("stopped", || {
            fs::read_dir(format!("/proc/{}/task", self.pid()))
                .expect("threads")
                .flatten()
                .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
                .all(|status| status.contains("\nState:\tT"))
        });
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// kill -9
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("a dead child");
    }

    /// SIGTERM; how it ended.
    pub fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// How it ended.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("an end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log ends:\n{}", tail_of(&self.log()));
        }
    }
}

fn tail_of(text: &str) -> &str {
    let start = text.len().saturating_sub(1000);
    let start = (start..text.len()).find(|&at| text.is_char_boundary(at));
    &text[start.unwrap_or(0)..]
}

/// Runs the binary to its end: exit code and stderr.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(BINARY)
        .args(arguments)
        .output()
        .expect("the binary");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}
