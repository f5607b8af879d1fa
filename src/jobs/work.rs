//! `openrange work`: takes jobs from a directory and runs a command for each.
//!
//! One thread follows `queue`, some run commands. What is to be done is never kept anywhere but in the directory: a line of
//! the queue only says where to look, and after a roll of the queue, or at the start, a scan finds what no line told. So a
//! worker may die at any moment, and any number of them may share a directory.

mod command;
pub mod options;
mod pending;
pub mod program;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use log::{error, info, warn};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::files::{Answer, JobDirectory, QUEUE, Taken};
use super::record::{JobId, JobStatus};
use crate::limits::JOB_LOCKED_PAUSE;
use command::Ended;
use options::WorkOptions;
use pending::Pending;
use queue::QueueFollower;

/// What the threads of a worker share.
struct Work {
    directory: JobDirectory,
    options: WorkOptions,
    pending: Pending,
    /// Commands are to be stopped at once.
    cut: AtomicBool,
}

/// Works until SIGTERM or SIGINT, then lets running commands finish; a second signal stops them, and their jobs stay open
/// for another worker.
///
/// # Errors
/// One line, if the directory cannot be opened or watched.
pub fn run(options: WorkOptions) -> Result<(), String> {
    let path = options.directory.display().to_string();
    let cannot = |error: &dyn std::fmt::Display| {
        format!("cannot use {path}: {error}; DIR must be the directory of --jobs")
    };
    let directory = JobDirectory::open(&options.directory).map_err(|error| cannot(&error))?;
    let mut queue = QueueFollower::new(&options.directory).map_err(|error| cannot(&error))?;
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| error.to_string())?;
    let work = Arc::new(Work {
        directory,
        pending: Pending::default(),
        cut: AtomicBool::new(false),
        options,
    });
    let runners = start(&work).map_err(|error| format!("cannot start a thread: {error}"))?;
    let stop = queue.stopper();
    let follower = thread::Builder::new().name("queue".into()).spawn({
        let work = Arc::clone(&work);
        move || queue.run(&work.directory, &work.pending)
    });
    let follower = follower.map_err(|error| format!("cannot start a thread: {error}"))?;
    info!("working on the jobs in {path}");
    if !work.options.directory.join(QUEUE).exists() {
        info!(
            "{path} has no queue yet: waiting for the first job; it must be the directory of --jobs"
        );
    }
    let closer = signals.handle();
    let waiter = thread::spawn(move || {
        for runner in runners {
            let _ = runner.join();
        }
        closer.close();
    });
    for (count, _) in signals.forever().enumerate() {
        work.pending.stop();
        if count == 0 {
            info!("ending once the running commands have ended");
        } else {
            work.cut.store(true, Ordering::Relaxed);
        }
    }
    let _ = waiter.join();
    stop.stop();
    let _ = follower.join();
    Ok(())
}

fn start(work: &Arc<Work>) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let runner = |number| {
        let work = Arc::clone(work);
        let thread = thread::Builder::new().name(format!("job-{number}"));
        thread.spawn(move || {
            while let Some(id) = work.pending.next() {
                work.attend(id);
            }
        })
    };
    (0..work.options.jobs).map(runner).collect()
}

impl Work {
    /// Takes a job, if it can be had, and brings it to its end.
    fn attend(&self, id: JobId) {
        let answer = match self.directory.take(id) {
            Ok(Taken::Ours(answer)) => answer,
            Ok(Taken::Orphaned(attempts)) if attempts > self.options.retry => {
                return self.abandon(id);
            }
            // It is taken again once nothing else writes.
            Ok(Taken::Locked | Taken::Orphaned(_)) => return self.pending.look_again_later(id),
            Ok(Taken::Over) => return self.finish_what_died(id),
            Err(error) => {
                error!("job {id}: cannot take it: {error}");
                return self.pending.look_again_later(id);
            }
        };
        let status = if answer.attempts > 1 + self.options.retry {
            warn!("job {id}: a worker took it and died");
            JobStatus::Abandoned
        } else {
            match command::run(&self.directory, id, &answer, &self.options, &self.cut) {
                Ended::With(status) => status,
                Ended::SealedByAnother if self.directory.status(id).is_some() => {
                    info!("job {id}: somebody else has ended it");
                    return;
                }
                // By hand: `chmod a-w` is a way to say that nobody needs it any more.
                Ended::SealedByAnother => JobStatus::Cancelled,
                Ended::Cut => return,
            }
        };
        self.end(id, status, &answer);
    }

    /// Records how a job ended, and tries that again while the disk is full: the command has run, and must not run twice.
    /// `_answer`: while it is ours, nobody takes the job for abandoned.
    fn end(&self, id: JobId, status: JobStatus, _answer: &Answer) {
        loop {
            match self.directory.end(id, status) {
                Ok(_) if self.directory.status(id) == Some(status) => {
                    return info!("job {id}: {status}");
                }
                Ok(_) => return info!("job {id}: it ended before with another status"),
                Err(error) => {
                    error!("job {id}: cannot record that it ended with {status}: {error}");
                }
            }
            if self.cut.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(JOB_LOCKED_PAUSE);
        }
    }

    /// Ends a job of a worker that died, while something of it still writes.
    fn abandon(&self, id: JobId) {
        match self.directory.end(id, JobStatus::Abandoned) {
            Ok(_) => warn!("job {id}: a worker took it and died"),
            Err(error) => {
                error!("job {id}: cannot record that it was abandoned: {error}");
                self.pending.look_again_later(id);
            }
        }
    }

    /// Whoever gave a job its status may have died before the seal.
    fn finish_what_died(&self, id: JobId) {
        if let Err(error) = self.directory.complete_end(id) {
            error!("job {id}: cannot seal its answer: {error}");
        }
    }
}
