//! Runs the command of one job.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::error;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::attendant::{Ended, Run};
use crate::job::{JobId, JobStatus};
use crate::jobs::files::{Answer, JobDirectory};
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
}

impl Run for Commands {
    fn run(&self, directory: &JobDirectory, id: JobId, answer: &Answer) -> Ended {
        let mut child = match start(directory, id, answer, &self.command) {
            Ok(child) => child,
            Err(error) => {
                error!("job {id}: cannot start {:?}: {error}", self.command[0]);
                return Ended::With(JobStatus::Exit(CANNOT_START));
            }
        };
        let ended = wait(&mut child, directory, id, answer, &self.cut);
        // What the command has left in the background must not write to a complete answer either.
        stop(&mut child);
        ended
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

fn start(
    directory: &JobDirectory,
    id: JobId,
    answer: &Answer,
    command: &[OsString],
) -> std::io::Result<Child> {
    let (request, answer) = (directory.request(id)?, answer.output()?);
    let (program, arguments) = command.split_first().expect("a command");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("OPENRANGE_JOB", id.as_str())
        .stdin(request)
        .stderr(answer.try_clone()?)
        .stdout(answer)
        .process_group(0);
    if let Some(record) = directory.record(id) {
        command
            .env("OPENRANGE_DEADLINE", record.deadline.to_string())
            .env("OPENRANGE_CONTENT_TYPE", record.content_type);
    }
    os::end_with_parent(&mut command);
    command.spawn()
}

/// Waits until the command ends, and looks at intervals whether it may still go on.
fn wait(
    child: &mut Child,
    directory: &JobDirectory,
    id: JobId,
    answer: &Answer,
    cut: &AtomicBool,
) -> Ended {
    let deadline = directory.record(id).map(|record| record.deadline);
    let process = process_descriptor(child);
    loop {
        pause(process.as_ref(), JOB_LOOK_INTERVAL);
        match child.try_wait() {
            Ok(Some(status)) => return Ended::With(status_of(status)),
            Ok(None) => {}
            // Nobody else waits for our child.
            Err(error) => unreachable!("waiting for a child failed: {error}"),
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
