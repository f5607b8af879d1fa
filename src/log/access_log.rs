//! The access log: lines of all workers, to a file or stdout, by a thread of its own. So neither a slow disk nor a pipe that
//! nobody reads keeps a worker waiting: it drops what the thread cannot write in time, and says so.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{info, warn};

use super::line_writer::{self, LineWriter};
use crate::limits::ACCESS_LOG_MAX;
use crate::os::threads;

/// Where workers leave their lines.
#[derive(Default)]
pub struct AccessLog {
    state: Mutex<State>,
    changed: Condvar,
    /// Lines that were lost since the start.
    lost_in_all: AtomicU64,
    /// Its lines are in the Combined Log Format.
    combined: bool,
}

#[derive(Default)]
struct State {
    /// Lines that must be written.
    pending: Vec<u8>,
    /// The file for what comes behind so many bytes of them.
    next: Option<(usize, File)>,
    /// Lines that did not fit into the queue and were lost.
    lost: usize,
    /// Nothing is on its way to the file.
    idle: bool,
}

impl AccessLog {
    /// Nothing is written yet. `combined`: in the Combined Log Format, not the Common one.
    #[must_use]
    pub fn new(combined: bool) -> Arc<AccessLog> {
        Arc::new(AccessLog {
            combined,
            ..AccessLog::default()
        })
    }

    /// Whether its lines are in the Combined Log Format.
    #[must_use]
    pub fn is_combined(&self) -> bool {
        self.combined
    }

    /// Begins to write to this file.
    ///
    /// # Errors
    /// EAGAIN: no thread can start.
    pub fn start(self: &Arc<AccessLog>, file: File) -> io::Result<()> {
        let log = Arc::clone(self);
        threads::start("access-log", None, move || log.run(Writer::new(file)))?;
        Ok(())
    }

    /// Leaves whole lines to be written; never waits for the file.
    pub fn write(&self, lines: &[u8]) {
        let mut state = self.state();
        if state.pending.len() + lines.len() > ACCESS_LOG_MAX {
            if state.lost == 0 {
                warn!("the access log cannot be written as fast as it grows: lines are lost");
            }
            let lost = line_writer::count(lines);
            state.lost += lost;
            self.lost_in_all.fetch_add(lost as u64, Ordering::Relaxed);
            return;
        }
        state.pending.extend_from_slice(lines);
        self.changed.notify_all();
    }

    /// Lines that were lost since the start.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        self.lost_in_all.load(Ordering::Relaxed)
    }

    /// Everything that is written from here on goes to this file.
    pub fn reopen(&self, file: File) {
        let mut state = self.state();
        let before = state.pending.len();
        // A file that got nothing yet is left out.
        let before = state.next.take().map_or(before, |(before, _)| before);
        state.next = Some((before, file));
        self.changed.notify_all();
    }

    /// Waits until everything is written, but not longer than this.
    pub fn finish(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut state = self.state();
        while !(state.idle && state.pending.is_empty()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return warn!("cannot write the end of the access log");
            }
            let result = self.changed.wait_timeout(state, left);
            state = result.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write_lines(&self, writer: &mut Writer, lines: &[u8]) {
        let before = writer.lines.lost_in_all();
        writer.write(lines);
        let lost = writer.lines.lost_in_all() - before;
        self.lost_in_all.fetch_add(lost, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut writer: Writer) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.state();
            while state.pending.is_empty() && state.next.is_none() {
                state.idle = true;
                self.changed.notify_all();
                let result = self.changed.wait(state);
                state = result.unwrap_or_else(PoisonError::into_inner);
            }
            state.idle = false;
            mem::swap(&mut lines, &mut state.pending);
            let (next, lost) = (state.next.take(), mem::take(&mut state.lost));
            drop(state);
            writer.lines.lose_count(lost);
            let before = next.as_ref().map_or(lines.len(), |(before, _)| *before);
            self.write_lines(&mut writer, &lines[..before]);
            if let Some((_, file)) = next {
                let unreported = writer.lines.lost();
                writer = Writer::new(file);
                writer.lines.lose_count(unreported);
                self.write_lines(&mut writer, &lines[before..]);
            }
            lines.clear();
        }
    }
}

/// A file that is written to for as long as it takes lines.
struct Writer {
    file: File,
    lines: LineWriter,
    /// The last write failed, and the log says so.
    failing: bool,
}

impl Writer {
    fn new(file: File) -> Writer {
        Writer {
            file,
            lines: LineWriter::new(),
            failing: false,
        }
    }

    fn write(&mut self, lines: &[u8]) {
        self.report_lost();
        if lines.is_empty() {
            return;
        }
        let mut file = &self.file;
        match self.lines.write(lines, |lines| file.write(lines)) {
            Ok(()) => {
                if mem::take(&mut self.failing) {
                    info!("the server can write the access log again");
                }
            }
            Err(error) => {
                if !mem::replace(&mut self.failing, true) {
                    warn!(
                        "cannot write the access log: {error}; lines are lost until that changes"
                    );
                }
            }
        }
        self.report_lost();
    }

    /// What was lost is reported as soon as lines can be written again.
    fn report_lost(&mut self) {
        let lost = self.lines.lost();
        if lost > 0 && !self.failing {
            warn!("{lost} lines of the access log were lost");
            self.lines.forget_lost();
        }
    }
}
