//! Runs the command of one job.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::error;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::attendant::{Ended, Run};
use super::program::Faults;
use crate::job::{JobId, JobStatus};
use crate::jobs::files::{Answer, JobDirectory};
use crate::jobs::record::JobRecord;
use crate::limits::{JOB_LOOK_INTERVAL, JOB_STOP_GRACE};
use crate::os;

/// The exit status of a shell for a command that it cannot start.
const CANNOT_START: u8 = 127;

/// The command of a worker.
pub struct Commands {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// Commands are to be stopped at once.
    pub cut: AtomicBool,
    /// Why commands could not be started.
    pub faults: Mutex<Faults>,
}

impl Commands {
    /// Those of this command.
    #[must_use]
    pub fn new(command: Vec<OsString>) -> Commands {
        Commands {
            command,
            cut: AtomicBool::new(false),
            faults: Mutex::default(),
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run for Commands {
    fn run(&self, directory: &JobDirectory, id: JobId, answer: &Answer) -> Ended {
        let prepared = directory.try_record(id).and_then(|record| {
            let command = prepare(directory, id, answer, &self.command, record.as_ref())?;
            Ok((command, record.map(|record| record.deadline)))
        });
        let (mut command, deadline) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Ended::NotStarted(error),
        };
        if deadline.is_some_and(|deadline| directory.clock().as_secs() >= deadline) {
            return Ended::With(JobStatus::Timeout);
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if self.faults().is_of_program(&error, Instant::now()) => {
                error!("job {id}: cannot start {:?}: {error}", self.command[0]);
                return Ended::With(JobStatus::Exit(CANNOT_START));
            }
            Err(error) => return Ended::NotStarted(errno(&error)),
        };
        self.faults().end();
        // Its copies of the request and the answer have gone to the child.
        drop(command);
        let ended = wait(&mut child, directory, deadline, answer, &self.cut);
        // What the command has left in the background must not write to a complete answer either.
        stop(&mut child);
        ended
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// The command of a job, to be started.
fn prepare(
    directory: &JobDirectory,
    id: JobId,
    answer: &Answer,
    command: &[OsString],
    record: Option<&JobRecord>,
) -> Result<Command, Errno> {
    let copy = || answer.output().map_err(|error| errno(&error));
    let (request, answer, errors) = (directory.request(id)?, copy()?, copy()?);
    let (program, arguments) = command.split_first().expect("a command");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("OPENRANGE_JOB", id.as_str())
        .stdin(request)
        .stderr(errors)
        .stdout(answer)
        .process_group(0);
    if let Some(record) = record {
        command
            .env("OPENRANGE_DEADLINE", record.deadline.to_string())
            .env("OPENRANGE_CONTENT_TYPE", &record.content_type);
    }
    os::end_with_parent(&mut command);
    Ok(command)
}

/// Waits until the command ends, and looks at intervals whether it may still go on.
fn wait(
    child: &mut Child,
    directory: &JobDirectory,
    deadline: Option<u64>,
    answer: &Answer,
    cut: &AtomicBool,
) -> Ended {
    let process = process_descriptor(child);
    loop {
        pause(process.as_ref(), JOB_LOOK_INTERVAL);
        match child.try_wait() {
            Ok(Some(status)) => return Ended::With(status_of(status)),
            Ok(None) => {}
            Err(error) => {
                // Something else has waited for it, so nobody knows how it ended.
                error!("waiting for process {} failed: {error}", child.id());
                return Ended::With(JobStatus::Abandoned);
            }
        }
        if answer.is_sealed() {
            return Ended::SealedByAnother;
        }
        if deadline.is_some_and(|deadline| directory.clock().as_secs() >= deadline) {
            return Ended::With(JobStatus::Timeout);
        }
        if cut.load(Ordering::Relaxed) {
            return Ended::Cut;
        }
    }
}

/// A descriptor that is readable once the child has ended; kernels before 5.3 have none.
fn process_descriptor(child: &Child) -> Option<OwnedFd> {
    let pid = Pid::from_child(child);
    rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()
}

fn pause(process: Option<&OwnedFd>, interval: Duration) {
    let timeout = Timespec::try_from(interval).expect("a short interval");
    let mut descriptors = process.map(|process| [PollFd::new(process, PollFlags::IN)]);
    let descriptors = descriptors.as_mut().map_or(&mut [][..], |one| &mut one[..]);
    // A signal only makes the look come earlier.
    let _ = rustix::event::poll(descriptors, Some(&timeout));
}

/// Ends the process group of a command: first by asking, then by force.
fn stop(child: &mut Child) {
    let group = Pid::from_child(child);
    let _ = rustix::process::kill_process_group(group, Signal::TERM);
    let process = process_descriptor(child);
    let give_up = Instant::now() + JOB_STOP_GRACE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < give_up {
        pause(process.as_ref(), JOB_LOOK_INTERVAL);
    }
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

fn status_of(status: ExitStatus) -> JobStatus {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => JobStatus::Exit(byte(code)),
        (None, Some(signal)) => JobStatus::Signal(byte(signal)),
        (None, None) => unreachable!("a process ends by exit or by a signal"),
    }
}
