//! The command that batches are handed to: one process for each batch, which reads it from stdin and says by its exit status
//! whether it has it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};

use super::offer::HandOver;
use super::pause::Pause;
use crate::limits::CLIENT_RETRY;
use crate::os::epoll::{Poll, Token, Waker};
use crate::os::threads::{self, Answer};
use crate::readiness::Interest;
use crate::time::Moment;

/// Stack of the thread that waits for the process.
const WAITER_STACK: usize = 64 * 1024;

/// What became of a batch.
#[derive(Debug)]
pub enum Handled {
    /// It is under way, or will be tried again.
    Not,
    /// The command has it.
    Done,
    /// Not this time; why, for people.
    Failed(String),
    /// The command cannot be started at all.
    Impossible(String),
}

/// See the module.
pub struct Runner {
    words: Vec<OsString>,
    url: String,
    running: Option<Running>,
    started: bool,
    pause: Pause,
    /// Not before this time.
    pub next: Moment,
}

struct Running {
    id: Pid,
    stdin: Option<ChildStdin>,
    written: usize,
    ended: Answer<io::Result<ExitStatus>>,
}

impl Runner {
    /// Nothing runs yet. `words`: program and arguments.
    #[must_use]
    pub fn new(words: Vec<OsString>, url: &str) -> Runner {
        Runner {
            words,
            url: url.into(),
            running: None,
            started: false,
            pause: Pause::new(CLIENT_RETRY),
            next: Moment(0),
        }
    }

    /// Whether a process is at work.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Goes on with a batch; always the same one until it is done.
    pub fn hand_over(
        &mut self,
        batch: HandOver<'_>,
        poll: &Poll,
        token: Token,
        now: Moment,
    ) -> Handled {
        if self.running.is_none() {
            if now < self.next {
                return Handled::Not;
            }
            match self.start(batch, poll, token) {
                Ok(running) => self.running = Some(running),
                Err(error) => {
                    let why = format!("{}: {error}", self.words[0].display());
                    if !self.started {
                        return Handled::Impossible(why);
                    }
                    return self.failed(why, now);
                }
            }
            self.started = true;
        }
        let Some(running) = &mut self.running else {
            return Handled::Not;
        };
        running.feed(batch.bytes, poll);
        let Some(status) = running.ended.take() else {
            return Handled::Not;
        };
        running.close(poll);
        self.running = None;
        match status {
            Ok(status) if status.success() => {
                self.pause.reset();
                Handled::Done
            }
            Ok(status) => self.failed(format!("{}: {status}", self.words[0].display()), now),
            Err(error) => self.failed(error.to_string(), now),
        }
    }

    fn failed(&mut self, why: String, now: Moment) -> Handled {
        self.next = self.pause.begin(now);
        Handled::Failed(format!("{why}; trying again with the same bytes"))
    }

    fn start(&self, batch: HandOver<'_>, poll: &Poll, token: Token) -> io::Result<Running> {
        let end = batch.offset + batch.bytes.len() as u64;
        let mut child = Command::new(&self.words[0])
            .args(&self.words[1..])
            .env("OPENRANGE_URL", &self.url)
            .env("OPENRANGE_ETAG", batch.generation.to_string())
            .env("OPENRANGE_OFFSET", batch.offset.to_string())
            .env("OPENRANGE_END", end.to_string())
            .stdin(Stdio::piped())
            .spawn()?;
        let id = Pid::from_child(&child);
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            // Of our end of the pipe only: the other one is another open file description.
            rustix::fs::fcntl_setfl(stdin, OFlags::NONBLOCK)?;
            let interest = Interest {
                readable: false,
                writable: true,
            };
            poll.add(stdin, token, interest)?;
        }
        Ok(Running {
            id,
            stdin,
            written: 0,
            ended: wait(child, poll.waker())?,
        })
    }

    /// Asks what runs to end.
    pub fn terminate(&self) {
        if let Some(running) = &self.running {
            let _ = rustix::process::kill_process(running.id, Signal::TERM);
        }
    }
}

impl Running {
    /// Writes what the pipe takes, and closes it after the last byte.
    fn feed(&mut self, bytes: &[u8], poll: &Poll) {
        while let Some(stdin) = &mut self.stdin {
            if self.written == bytes.len() {
                return self.close(poll);
            }
            match stdin.write(&bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It needs no more; what that means is said by its status.
                Err(_) => return self.close(poll),
            }
        }
    }

    fn close(&mut self, poll: &Poll) {
        if let Some(stdin) = self.stdin.take() {
            poll.remove(stdin.as_fd());
        }
    }
}

/// Waits for the process in a thread: pidfd_open(2) needs Linux 5.3.
fn wait(mut child: Child, waker: Waker) -> io::Result<Answer<io::Result<ExitStatus>>> {
    threads::ask("command", WAITER_STACK, waker, move || child.wait())
}
