//! Stderr, for the log. Whoever should read it may not: then lines are lost, and counted, but nobody waits.
//!
//! What a worker logs in a turn is written at its end, many lines at once.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::SendFlags;

use crate::http::date::Date;
use crate::limits::{LOG_GATHER, LOG_PIECE};

static STDERR: Mutex<Stderr> = Mutex::new(Stderr {
    way: Way::AsItIs,
    lost: 0,
    torn: false,
});

thread_local! {
    /// What this thread has logged in its turn, if it gathers.
    static GATHERED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Takes whole lines; never fails and never waits.
#[derive(Debug)]
pub struct Log(());

impl Log {
    /// Looks at what stderr is. Before the process gives up its rights: a pipe or a terminal is opened again.
    #[must_use]
    pub fn open() -> Log {
        lock().way = Way::find();
        Log(())
    }
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        take(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says what no setting of the log may hide, by the same way.
pub fn say(why: &str) {
    take(format!("openrange: {why}\n").as_bytes());
}

fn take(lines: &[u8]) {
    GATHERED.with_borrow_mut(|gathered| match gathered {
        Some(gathered) if gathered.len() + lines.len() <= LOG_GATHER => {
            gathered.extend_from_slice(lines);
        }
        gathered => {
            if let Some(before) = gathered {
                write(before);
                before.clear();
            }
            write(lines);
        }
    });
}

/// While it lives, what its thread logs is gathered.
pub struct Gathering(());

impl Gathering {
    /// Begins to gather what this thread logs.
    #[must_use]
    pub fn begin() -> Gathering {
        GATHERED.set(Some(Vec::new()));
        Gathering(())
    }

    /// Writes what was gathered.
    pub fn flush(&self) {
        flush();
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        flush();
        GATHERED.set(None);
    }
}

/// Writes what this thread has gathered. For a thread that will not come to the end of its turn.
pub fn flush() {
    GATHERED.with_borrow_mut(|gathered| {
        if let Some(lines) = gathered.as_mut().filter(|lines| !lines.is_empty()) {
            write(lines);
            lines.clear();
        }
    });
}

fn write(lines: &[u8]) {
    let mut stderr = lock();
    stderr.tell_lost();
    stderr.write_lines(lines);
}

fn lock() -> MutexGuard<'static, Stderr> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stderr {
    way: Way,
    /// Lines that could not be written, of which nothing was said yet.
    lost: usize,
    /// What was written ends in the middle of a line.
    torn: bool,
}

impl Stderr {
    fn tell_lost(&mut self) {
        if self.lost == 0 {
            return;
        }
        let (end_of_line, date) = (
            if self.torn { "\n" } else { "" },
            Date::from(SystemTime::now()),
        );
        let lost = self.lost;
        let notice = format!("{end_of_line}{date} WARN {lost} lines of this log were lost\n");
        if self.write(notice.as_bytes()).is_empty() {
            self.lost = 0;
        }
    }

    fn write_lines(&mut self, lines: &[u8]) {
        let left = if self.lost == 0 {
            self.write(lines)
        } else {
            lines
        };
        self.lost += left.iter().filter(|&&byte| byte == b'\n').count();
    }

    /// Writes as much as there is room for; gives what is left.
    fn write<'a>(&mut self, mut lines: &'a [u8]) -> &'a [u8] {
        while !lines.is_empty() {
            match self.way.write(first_piece(lines)) {
                Ok(count) if count > 0 => {
                    self.torn = lines[count - 1] != b'\n';
                    lines = &lines[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        lines
    }
}

/// How it is written without waiting.
enum Way {
    /// A pipe or a terminal, by an open file description of our own: others write to theirs and expect that to wait.
    Opened(File),
    /// A socket, with MSG_DONTWAIT.
    Socket,
    /// A regular file, of which another description would have another offset, or what could not be opened again.
    AsItIs,
}

impl Way {
    fn find() -> Way {
        let stderr = io::stderr();
        let Ok(stat) = rustix::fs::fstat(&stderr) else {
            return Way::AsItIs;
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Way::Socket,
            FileType::Fifo => Way::open(),
            _ if stderr.is_terminal() => Way::open(),
            _ => Way::AsItIs,
        }
    }

    fn open() -> Way {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        // ENOENT: no /proc. EACCES: another user has made it.
        rustix::fs::open("/proc/self/fd/2", flags, Mode::empty())
            .map_or(Way::AsItIs, |fd| Way::Opened(fd.into()))
    }

    fn write(&self, piece: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr();
        match self {
            Way::Opened(file) => (&*file).write(piece),
            Way::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                Ok(rustix::net::send(&stderr, piece, flags)?)
            }
            Way::AsItIs if has_room(&stderr) => stderr.write(piece),
            Way::AsItIs => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Whole lines, if they are not too long.
fn first_piece(lines: &[u8]) -> &[u8] {
    let most = &lines[..lines.len().min(LOG_PIECE)];
    let end = most.iter().rposition(|&byte| byte == b'\n');
    &most[..end.map_or(most.len(), |end| end + 1)]
}

/// Whether something can be written without waiting: to a pipe [`LOG_PIECE`] bytes, if nobody else fills it meanwhile. A
/// file always has room.
fn has_room(stderr: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(stderr, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
