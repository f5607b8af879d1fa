//! Stderr, for the log. If nothing reads it, lines are lost and counted, but nothing waits.
//!
//! Each line is written when it is logged, so a client that has its response finds the line. (Writing those of a turn together gains
//! nothing, by measurement.)

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::SendFlags;

use super::line::{Format, text_line};
use super::line_writer::LineWriter;
use crate::limits::LOG_PIECE;

static STDERR: Mutex<Stderr> = Mutex::new(Stderr {
    way: Way::Polled,
    lines: LineWriter::new(),
    format: Format::Text,
});

/// Takes whole lines; never fails and never waits.
#[derive(Debug, Clone, Copy)]
pub struct Log;

/// Looks at what stderr is. Before the process gives up its rights, since a pipe or a terminal is opened again, and when
/// the descriptors that were passed to it are known.
pub fn prepare() {
    lock().way = Way::find();
}

/// How lines are written that do not come through `log`.
pub fn set_format(format: Format) {
    lock().format = format;
}

/// Lines that were lost since the start.
#[must_use]
pub fn lost_in_all() -> u64 {
    lock().lines.lost_in_all()
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        write(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says what no setting of the log may hide, by the same way.
pub fn say(why: &str) {
    let format = lock().format;
    let line = match format {
        Format::Text => text_line(format!("openrange: {why}")),
        Format::Json => format.line("ERROR", &why, &NO_FIELDS),
    };
    write(line.as_bytes());
}

fn write(lines: &[u8]) {
    lock().write_lines(lines);
}

fn lock() -> MutexGuard<'static, Stderr> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stderr {
    way: Way,
    lines: LineWriter,
    format: Format,
}

/// For a line that has nothing but its message.
const NO_FIELDS: [(&str, u64); 0] = [];

impl Stderr {
    /// What was lost is reported in the place where it is missing.
    fn report_lost(&mut self) {
        if self.lines.lost() == 0 {
            return;
        }
        let lost = self.lines.lost();
        let message = format_args!("{lost} lines of this log were lost");
        let notice = self.format.line("WARN", &message, &NO_FIELDS);
        let written = self.write(notice.as_bytes());
        self.lines.forget_lost();
        if written.is_err() {
            // The notice is not one of them.
            self.lines.lose_count(lost);
        }
    }

    fn write_lines(&mut self, lines: &[u8]) {
        self.report_lost();
        if self.lines.lost() == 0 {
            // What cannot be written is counted.
            let _ = self.write(lines);
        } else {
            self.lines.lose(lines);
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let way = &self.way;
        self.lines
            .write(lines, |lines| way.write(first_piece(lines)))
    }
}

/// How it is written without waiting.
enum Way {
    /// A pipe or a terminal, by an open file description of our own: others write to theirs and expect that to wait.
    Opened(File),
    /// A socket, with MSG_DONTWAIT.
    Socket,
    /// What could not be opened again, when poll(2) says that it takes more.
    Polled,
    /// A file, or a device like /dev/null: it always takes more.
    Plain,
}

impl Way {
    fn find() -> Way {
        let stderr = io::stderr();
        let Ok(stat) = rustix::fs::fstat(&stderr) else {
            return Way::Polled;
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Way::Socket,
            FileType::Fifo => Way::open(),
            _ if stderr.is_terminal() => Way::open(),
            _ => Way::Plain,
        }
    }

    fn open() -> Way {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        // ENOENT: no /proc. EACCES: another user has made it.
        rustix::fs::open("/proc/self/fd/2", flags, Mode::empty())
            .map_or(Way::Polled, |fd| Way::Opened(fd.into()))
    }

    fn write(&self, piece: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr();
        match self {
            Way::Opened(file) => (&*file).write(piece),
            Way::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                Ok(rustix::net::send(&stderr, piece, flags)?)
            }
            Way::Polled if !has_room(&stderr) => Err(io::ErrorKind::WouldBlock.into()),
            Way::Polled | Way::Plain => stderr.write(piece),
        }
    }
}

/// Whole lines, if they are not too long.
fn first_piece(lines: &[u8]) -> &[u8] {
    let most = &lines[..lines.len().min(LOG_PIECE)];
    let end = most.iter().rposition(|&byte| byte == b'\n');
    &most[..end.map_or(most.len(), |end| end + 1)]
}

/// Whether something can be written without waiting: to a pipe [`LOG_PIECE`] bytes, if nobody else fills it meanwhile.
fn has_room(stderr: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(stderr, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
