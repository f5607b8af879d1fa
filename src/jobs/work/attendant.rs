//! Brings jobs to their end: takes one, runs its command, records its status. What it knows of a job is in the directory,
//! so it may die at any moment.

use std::time::Instant;

use log::{info, warn};
use rustix::io::Errno;

use super::pending::Pending;
use super::troubles::Troubles;
use crate::job::{JobId, JobStatus};
use crate::jobs::ending::Completion;
use crate::jobs::files::{Answer, JobDirectory, Taken};
use crate::limits::JOB_LOCKED_PAUSE;

/// What the runners of a worker share.
pub struct Attendant<R> {
    /// The files of the jobs.
    pub directory: JobDirectory,
    /// Jobs that wait for a runner.
    pub pending: Pending,
    /// What keeps jobs from their end.
    pub troubles: Troubles,
    /// `--retry`: how often a job of a worker that died is taken again.
    pub retry: u64,
    /// What runs for each job.
    pub runner: R,
}

/// Runs something for a job.
pub trait Run {
    /// Runs it to its end, with the request as its input and the answer as its output.
    fn run(&self, directory: &JobDirectory, id: JobId, answer: &Answer) -> Ended;

    /// Whether the worker is to end at once.
    fn is_cut(&self) -> bool;
}

/// How the run of a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The command ended by itself, or its deadline passed.
    With(JobStatus),
    /// Somebody else has sealed the answer; the command was stopped.
    SealedByAnother,
    /// The worker is to end at once; the command was stopped. The job stays open, and the attempt counts.
    Cut,
    /// This machine lacks something that it takes to start the command. That says nothing about the job.
    NotStarted(Errno),
}

impl<R: Run> Attendant<R> {
    /// Takes a job, if nobody else has it, and brings it to its end.
    pub fn attend(&self, id: JobId, now: Instant) {
        let taken = self.directory.take(id);
        if matches!(taken, Ok(Taken::Locked)) {
            self.troubles.end(id);
        }
        let answer = match taken {
            Ok(Taken::Ours(answer)) => answer,
            Ok(Taken::Orphaned(attempts)) if attempts > self.retry => {
                return self.abandon(id, now);
            }
            // It is taken again once nothing else writes.
            Ok(Taken::Locked | Taken::Orphaned(_)) => {
                return self.pending.look_again_later(id, now);
            }
            Ok(Taken::Over) => return self.finish_what_died(id, now),
            Err(error) => {
                self.troubles.report(id, format!("cannot take it: {error}"));
                return self.pending.look_again_later(id, now);
            }
        };
        let status = if answer.attempts > self.retry.saturating_add(1) {
            warn!("job {id}: a worker took it and died");
            JobStatus::Abandoned
        } else {
            match self.runner.run(&self.directory, id, &answer) {
                Ended::With(status) => status,
                Ended::SealedByAnother if self.directory.status(id).is_some() => {
                    self.troubles.end(id);
                    info!("job {id}: somebody else has ended it");
                    return;
                }
                // Somebody has sealed it by hand: `chmod a-w` says that nobody needs the answer any more.
                Ended::SealedByAnother => JobStatus::Cancelled,
                Ended::Cut => return,
                Ended::NotStarted(why) => return self.give_back(id, answer, why, now),
            }
        };
        self.end(id, status, &answer);
    }

    /// Gives back a job whose command could not be started. The next one would fare no better: so a pause follows.
    fn give_back(&self, id: JobId, answer: Answer, why: Errno, now: Instant) {
        let trouble = format!("cannot start its command: {why}");
        self.troubles.report(id, trouble);
        if let Err(error) = answer.give_back() {
            warn!("job {id}: cannot take back that it was taken, so that counts: {error}");
        }
        self.pending.look_again_later(id, now);
        self.directory.pause(JOB_LOCKED_PAUSE);
    }

    /// Records how a job ended, and tries that again while the disk is full: the command has run, and must not run twice.
    /// `_answer`: while it is ours, nobody takes the job for abandoned.
    fn end(&self, id: JobId, status: JobStatus, _answer: &Answer) {
        loop {
            match self.directory.end(id, status) {
                Ok(_) => {
                    self.troubles.end(id);
                    return match self.directory.status(id) == Some(status) {
                        true => info!("job {id}: {}{status}", words_before(status)),
                        false => info!("job {id}: it ended before with another status"),
                    };
                }
                // Somebody else has created its status: the text follows soon, or else this one counts.
                Err(Errno::AGAIN) => {}
                Err(error) => {
                    let trouble = format!("cannot record that it ended with {status}: {error}");
                    self.troubles.report(id, trouble);
                }
            }
            if self.runner.is_cut() {
                return;
            }
            self.directory.pause(JOB_LOCKED_PAUSE);
        }
    }

    /// Ends a job whose worker has died, while something that the worker has started still writes.
    fn abandon(&self, id: JobId, now: Instant) {
        match self.directory.end(id, JobStatus::Abandoned) {
            Ok(_) => {
                self.troubles.end(id);
                warn!("job {id}: it ended: abandoned: a worker took it and died");
            }
            Err(error) => {
                let trouble = format!("cannot record that it was abandoned: {error}");
                self.troubles.report(id, trouble);
                self.pending.look_again_later(id, now);
            }
        }
    }

    /// Whoever gave a job its status may have died before the seal, or before the text.
    fn finish_what_died(&self, id: JobId, now: Instant) {
        match self.directory.complete_end(id) {
            Ok(Completion::Whole) => self.troubles.end(id),
            Ok(Completion::Awaited | Completion::Held) => {
                self.troubles.end(id);
                self.pending.look_again_later(id, now);
            }
            Err(error) => {
                self.troubles
                    .report(id, format!("cannot seal its answer: {error}"));
                self.pending.look_again_later(id, now);
            }
        }
    }
}

/// What the log says before a status.
fn words_before(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Exit(0) => "it succeeded: exit status ",
        _ => "it ended: ",
    }
}
