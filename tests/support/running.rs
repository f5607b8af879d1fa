//! Child processes: what they say, what they hold, and that none outlives its test.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio, read};
use rustix::process::{Pid, Signal};

use super::waiting::{PATIENCE, until};

/// The lines that a child writes to one of its streams. They are read all the time: no child waits for its test.
#[derive(Clone)]
pub struct Lines(Arc<Pipe>);

struct Pipe {
    /// The end that is read; it does not block.
    fd: OwnedFd,
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// The beginning of a line.
    rest: Vec<u8>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Into<OwnedFd>) -> Lines {
        let fd = stream.into();
        ioctl_fionbio(&fd, true).expect("FIONBIO");
        let pipe = Arc::new(Pipe {
            fd,
            said: Mutex::default(),
            more: Condvar::new(),
        });
        let lines = Lines(Arc::clone(&pipe));
        thread::spawn(move || {
            loop {
                let _ = poll(&mut [PollFd::new(&pipe.fd, PollFlags::IN)], None);
                let said = pipe.read();
                pipe.more.notify_all();
                if said.ended {
                    return;
                }
            }
        });
        lines
    }

    /// Everything that was written until now.
    pub fn all(&self) -> Vec<String> {
        self.0.read().lines.clone()
    }

    /// How many lines that were written until now contain this.
    pub fn count(&self, part: &str) -> usize {
        let said = self.0.read();
        said.lines.iter().filter(|line| line.contains(part)).count()
    }

    /// Waits for a line that contains all of these.
    pub fn wait_for(&self, parts: &[&str]) -> String {
        self.wait(&format!("a line with {parts:?}"), |said| {
            let matches = |line: &&String| parts.iter().all(|part| line.contains(part));
            said.lines.iter().find(matches).cloned()
        })
    }

    /// Waits until the child has closed the stream; all lines.
    pub fn wait_end(&self) -> Vec<String> {
        self.wait("the end", |said| said.ended.then(|| said.lines.clone()))
    }

    /// Waits for the first line; there is none if the stream ends before.
    fn first(&self) -> Option<String> {
        self.wait("a line", |said| match said.lines.first() {
            None if said.ended => Some(None),
            first => first.cloned().map(Some),
        })
    }

    fn wait<T>(&self, what: &str, find: impl Fn(&Said) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut said = self.0.read();
        loop {
            if let Some(found) = find(&said) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let more = !said.ended && !left.is_zero();
            assert!(
                more,
                "waited for {what}, but there is only {:#?}",
                said.lines
            );
            said = self.0.more.wait_timeout(said, left).expect("said").0;
        }
    }
}

impl Pipe {
    /// Reads what there is.
    fn read(&self) -> MutexGuard<'_, Said> {
        let mut said = self.said.lock().expect("said");
        let mut buffer = [0; 4096];
        while !said.ended {
            match read(&self.fd, &mut buffer) {
                Ok(0) => said.ended = true,
                Ok(count) => said.rest.extend_from_slice(&buffer[..count]),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => panic!("what a child says cannot be read: {error}"),
            }
        }
        said.split();
        said
    }
}

impl Said {
    fn split(&mut self) {
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.add(&line);
        }
        if self.ended && !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.add(&line);
        }
    }

    fn add(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        self.lines.push(text.trim_end().to_string());
    }
}

/// A child process; killed when dropped.
pub struct Running {
    child: Child,
    pub stdout: Lines,
    pub stderr: Lines,
}

impl Running {
    pub fn new(command: Command) -> Running {
        Running::try_new(command).expect("the program starts")
    }

    pub fn try_new(mut command: Command) -> std::io::Result<Running> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = Lines::of(child.stdout.take().expect("stdout"));
        let stderr = Lines::of(child.stderr.take().expect("stderr"));
        Ok(Running {
            child,
            stdout,
            stderr,
        })
    }

    /// Waits for the first line on stdout. `Err`: it ended without one, and said this on stderr.
    pub fn first_line(&mut self) -> Result<String, String> {
        self.stdout.first().ok_or_else(|| {
            let _ = self.child.wait();
            self.stderr.all().join("\n")
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("kill");
    }

    /// Ends it by SIGKILL; how it ended.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait")
    }

    /// Waits for the child to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.stdout.wait_end();
        self.stderr.wait_end();
        self.child.wait().expect("wait")
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait")
    }

    /// Stops it, so that everything done until [`Running::thaw`] reaches it at once.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        until("all threads to be stopped", || {
            let mut tasks = fs::read_dir(self.proc("task")).expect("its threads");
            tasks
                .all(|task| stopped(&task.expect("a thread").path()))
                .then_some(())
        });
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// A file of its own in proc(5).
    pub fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.id())).join(name)
    }

    /// The path at which a process of another mount namespace sees a file.
    pub fn path_inside(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").expect("an absolute path");
        self.proc("root").join(path)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("descriptors").count()
    }

    /// A field of its `status`.
    pub fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(self.proc("status")).expect("a status");
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
        let stat = fs::read_to_string(self.proc("stat")).expect("a stat");
        let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
        let field = |n: usize| after_name.split_whitespace().nth(n);
        // proc_pid_stat(5): state is field 3, utime 14, stime 15.
        let number = |n| field(n).and_then(|text| text.parse::<u64>().ok());
        number(11).expect("utime") + number(12).expect("stime")
    }
}

fn stopped(task: &Path) -> bool {
    let stat = fs::read_to_string(task.join("stat")).expect("stat");
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.stderr.all();
        if thread::panicking() {
            let last = &said[said.len().saturating_sub(12)..];
            eprintln!("the child's stderr ends:\n{}", last.join("\n"));
        } else {
            let panic = said.iter().find(|line| line.contains("panicked at"));
            assert_eq!(panic, None, "the child panicked");
        }
    }
}
