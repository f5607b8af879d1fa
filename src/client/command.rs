//! The command that batches are handed to: one process for each batch, which reads it from stdin and says by its exit status
//! whether it has it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, ExitStatus};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::process::{Pid, Signal};

use super::offer::HandOver;
use super::pause::Pause;
use crate::limits::CLIENT_RETRY;
use crate::os::epoll::Waker;
use crate::os::threads::{self, Answer};
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
    pub fn hand_over(&mut self, batch: HandOver<'_>, waker: Waker, now: Moment) -> Handled {
        if self.running.is_none() {
            if now < self.next {
                return Handled::Not;
            }
            match self.start(batch, waker) {
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
        let Some(status) = running.ended.take() else {
            return Handled::Not;
        };
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

    fn start(&self, batch: HandOver<'_>, waker: Waker) -> io::Result<Running> {
        let end = batch.offset + batch.bytes.len() as u64;
        let child = Command::new(&self.words[0])
            .args(&self.words[1..])
            .env("OPENRANGE_URL", &self.url)
            .env("OPENRANGE_ETAG", batch.generation.to_string())
            .env("OPENRANGE_OFFSET", batch.offset.to_string())
            .env("OPENRANGE_END", end.to_string())
            .stdin(whole(batch.bytes)?)
            .spawn()?;
        Ok(Running {
            id: Pid::from_child(&child),
            ended: wait(child, waker)?,
        })
    }

    /// Asks what runs to end.
    pub fn terminate(&self) {
        if let Some(running) = &self.running {
            let _ = rustix::process::kill_process(running.id, Signal::TERM);
        }
    }
}

/// A file without a name that has these bytes. Out of a pipe the command would read the end of file in the middle of a batch
/// if we were killed before we have written all of it, and take half of its last line for a line.
fn whole(bytes: &[u8]) -> io::Result<File> {
    let file = rustix::fs::memfd_create("batch", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    // A kernel may have none, or forbid it (sysctl vm.memfd_noexec).
    let file = file.or_else(|_| {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        rustix::fs::open(std::env::temp_dir(), flags, Mode::RUSR | Mode::WUSR)
    })?;
    let file = File::from(file);
    // The position stays where the command begins.
    file.write_all_at(bytes, 0)?;
    // It is there to be read. Other files cannot be sealed.
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
    let _ = rustix::fs::fcntl_add_seals(&file, seals);
    Ok(file)
}

/// Waits for the process in a thread: pidfd_open(2) needs Linux 5.3.
fn wait(mut child: Child, waker: Waker) -> io::Result<Answer<io::Result<ExitStatus>>> {
    threads::ask("command", WAITER_STACK, waker, move || child.wait())
}
