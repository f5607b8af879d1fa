//! The file that an intake appends to: batches of whole lines, each by one write. It counts what it cannot
//! append, and logs that now and then.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use log::warn;

use super::address::Intake;
use super::tally::Tally;
use crate::http::conditional::Conditions;
use crate::limits::{APPENDERS_MAX, INTAKE_BATCH, INTAKE_DATAGRAM_MAX, INTAKE_REPORT_INTERVAL};
use crate::receipt::WriteFailure;
use crate::store::append::Append;
use crate::store::appenders::Appenders;
use crate::store::place::Stop;
use crate::store::root::{Files, Node};
use crate::time::Moment;

/// See the module.
pub struct Sink {
    intake: Intake,
    files: Files,
    appenders: Appenders,
    tally: Arc<Tally>,
    /// Whole lines that were not appended yet.
    batch: Vec<u8>,
    /// A write that failed, or a server that was killed, may have left the beginning of a line at the end of the file.
    torn: bool,
    losses: Losses,
}

/// Whether the last line of the file of an intake has no end: a server that was killed may have left the beginning of one.
/// Only before anybody appends can that be seen: what is read while a batch is being written may end anywhere in that.
///
/// # Errors
/// EMFILE and the like.
pub fn ends_torn(intake: &Intake, root: &OwnedFd) -> io::Result<bool> {
    let files = Files::new(root.try_clone()?, Arc::default());
    Ok(has_torn_end(&files, intake))
}

fn has_torn_end(files: &Files, intake: &Intake) -> bool {
    let Ok(Node::File(file)) = files.find(intake.file.name(), None) else {
        return false;
    };
    let mut last = [0];
    file.stat().is_ok_and(|stat| {
        stat.size > 0 && file.read(&mut last, stat.size - 1) == Ok(1) && last != *b"\n"
    })
}

impl Sink {
    /// To a file below this root. `torn`: see [`ends_torn`].
    #[must_use]
    pub fn new(intake: Intake, root: OwnedFd, tally: Arc<Tally>, torn: bool) -> Sink {
        Sink {
            intake,
            files: Files::new(root, Arc::default()),
            appenders: Appenders::new(APPENDERS_MAX.0),
            tally,
            // A datagram fits behind what does not make a batch yet.
            batch: Vec::with_capacity(INTAKE_BATCH + INTAKE_DATAGRAM_MAX + 1),
            torn,
            losses: Losses::default(),
        }
    }

    /// What is counted.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where whole lines go.
    pub fn batch(&mut self) -> &mut Vec<u8> {
        &mut self.batch
    }

    /// Whether the batch is to be appended before more is received.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batch.len() >= INTAKE_BATCH
    }

    /// Appends the batch.
    pub fn flush(&mut self, now: Moment) {
        if self.batch.is_empty() {
            return;
        }
        let lines = count_lines(&self.batch);
        self.tally.lines.add(lines);
        if self.torn && has_torn_end(&self.files, &self.intake) {
            self.batch.insert(0, b'\n');
        }
        let what = Append {
            conditions: &Conditions::default(),
            expected: None,
            idempotent: false,
            seal: false,
            unattended: true,
            durable: false,
            bytes: &self.batch,
        };
        let (place, path) = (self.intake.place(), self.intake.path());
        let result = self.appenders.append(&self.files, place, &path, &what);
        self.torn = result.is_err();
        if let Err(stop) = result {
            self.tally.lost.add(lines);
            self.losses.add(lines, explain(stop));
            self.report(now);
        }
        self.batch.clear();
    }

    /// Closes a file to which nothing came for a while, and logs losses.
    pub fn begin_turn(&mut self, now: Moment) {
        self.appenders.begin_turn(now);
        self.report(now);
    }

    /// When [`Sink::begin_turn`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.appenders.deadline().min(self.losses.deadline())
    }

    /// Adds what others than the file have lost.
    pub fn lost(&mut self, count: u64, why: &'static str, now: Moment) {
        self.losses.add(count, why);
        self.report(now);
    }

    fn report(&mut self, now: Moment) {
        if let Some((count, why)) = self.losses.take(now) {
            let (intake, file) = (&self.intake, &self.intake.file);
            warn!("intake {intake} to {file}: lost {count}: {why}");
        }
    }
}

/// Lines in a batch of whole lines.
fn count_lines(batch: &[u8]) -> u64 {
    batch.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn explain(stop: Stop) -> &'static str {
    let Stop::Failed(failure) = stop else {
        return "the file is locked";
    };
    match failure {
        WriteFailure::Sealed => "the file is complete (it has no write permission)",
        WriteFailure::Full { .. } => "the file system is full",
        WriteFailure::TooLarge { .. } => "the file system permits no larger file",
        WriteFailure::ReadOnly => "the file system is read-only",
        WriteFailure::Directory => "a directory has the name",
        WriteFailure::Forbidden | WriteFailure::Denied(_) => "this process may not write the file",
        WriteFailure::Missing | WriteFailure::NoDirectory => "the directory of the file is gone",
        WriteFailure::Exhausted => "descriptors or memory have run out",
        WriteFailure::Changing => "the names on the way to the file are changing",
        _ => "the file system fails",
    }
}

/// Losses that were not logged yet. The first one is logged at once, those that follow together after a pause.
#[derive(Debug, Default)]
struct Losses {
    count: u64,
    why: &'static str,
    /// Not before this.
    next: Moment,
}

impl Losses {
    fn add(&mut self, count: u64, why: &'static str) {
        self.count += count;
        self.why = why;
    }

    fn take(&mut self, now: Moment) -> Option<(u64, &'static str)> {
        if self.count == 0 || now < self.next {
            return None;
        }
        self.next = now + INTAKE_REPORT_INTERVAL;
        Some((std::mem::take(&mut self.count), self.why))
    }

    fn deadline(&self) -> Moment {
        match self.count {
            0 => Moment::NEVER,
            _ => self.next,
        }
    }
}
