//! Stderr, for the log. Whoever should read it may not: then lines are lost, and counted, but no worker waits.
//!
//! What a worker logs in a turn goes out in one write(2) at its end; a write for each line would be a sixth of a small
//! request.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::http::date::Date;
use crate::limits::{LOG_GATHER, LOG_PIECE};

static STDERR: Mutex<Stderr> = Mutex::new(Stderr {
    lost: 0,
    torn: false,
});

thread_local! {
    /// What this thread has logged in its turn, if it gathers.
    static GATHERED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Takes whole lines and never fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
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
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    let mut stderr = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    stderr.tell_lost();
    stderr.write_lines(lines);
}

struct Stderr {
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
        let mut stderr = io::stderr();
        while !lines.is_empty() && has_room(&stderr) {
            match stderr.write(first_piece(lines)) {
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

/// Whole lines, if they are not too long.
fn first_piece(lines: &[u8]) -> &[u8] {
    let most = &lines[..lines.len().min(LOG_PIECE)];
    let end = most.iter().rposition(|&byte| byte == b'\n');
    &most[..end.map_or(most.len(), |end| end + 1)]
}

/// Whether [`LOG_PIECE`] bytes can be written without waiting. A file always has room.
fn has_room(stderr: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(stderr, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
