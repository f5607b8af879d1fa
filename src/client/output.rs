//! Stdout, without ever waiting for whoever reads it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::SendFlags;

/// PIPE_BUF: so much goes into a pipe at once that poll(2) calls writable.
const PIECE: usize = 4096;

/// How stdout is written.
pub enum Output {
    /// A pipe or a terminal, by an open file description of our own: others write to theirs and expect that to wait.
    Opened(File),
    /// A socket, with MSG_DONTWAIT.
    Socket,
    /// What could not be opened again, when poll(2) says that it takes more.
    Polled,
    /// A file.
    File,
    /// A device like /dev/null: it always takes more.
    Plain,
}

impl Output {
    /// Looks at what stdout is.
    ///
    /// # Errors
    /// It is closed.
    pub fn open() -> io::Result<Output> {
        let stdout = io::stdout();
        let stat = rustix::fs::fstat(&stdout)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Output::Socket,
            FileType::Fifo => Output::reopen(),
            FileType::RegularFile => Output::File,
            _ if stdout.is_terminal() => Output::reopen(),
            _ => Output::Plain,
        })
    }

    fn reopen() -> Output {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        // ENOENT: no /proc. EACCES: another user has made it.
        rustix::fs::open("/proc/self/fd/1", flags, Mode::empty())
            .map_or(Output::Polled, |fd| Output::Opened(fd.into()))
    }

    /// The descriptor that the poller can watch; `None`: it always takes more.
    #[must_use]
    pub fn polled(&self) -> Option<BorrowedFd<'static>> {
        match self {
            Output::Plain | Output::File => None,
            _ => Some(rustix::stdio::stdout()),
        }
    }

    /// Writes as much as it takes; 0: nothing.
    ///
    /// # Errors
    /// EPIPE, ENOSPC and the like.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Output::Opened(file) => (&*file).write(bytes),
            Output::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                rustix::net::send(rustix::stdio::stdout(), bytes, flags).map_err(io::Error::from)
            }
            Output::Polled if !has_room() => return Ok(0),
            Output::Polled => unbuffered(&bytes[..bytes.len().min(PIECE)]),
            Output::Plain | Output::File => unbuffered(bytes),
        };
        match written {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            written => written,
        }
    }

    /// Whether what is written stays in a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self, Output::File)
    }

    /// Whether nobody can read any more what is written.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty())];
        let polled = poll(&mut fds, Some(&Timespec::default()));
        !matches!(self, Output::Plain | Output::File)
            && polled.is_ok()
            && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }
}

/// `std::io::Stdout` keeps what follows the last line end.
fn unbuffered(bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
}

fn has_room() -> bool {
    let stdout = rustix::stdio::stdout();
    let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::OUT)];
    matches!(poll(&mut fds, Some(&Timespec::default())), Ok(1))
}
