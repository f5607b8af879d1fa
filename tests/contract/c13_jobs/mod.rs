//! Contract 13: jobs and intake.

mod addresses;
mod damaged;
mod ends;
mod fences;
mod gone;
mod hooks;
mod hooks_state;
mod intake;
mod intake_tools;
mod life;
mod lists;
mod receiver;
mod repeated;
mod rights;
mod rolls;
mod server;
mod shortage;
mod unwatched;
mod wait;
mod work;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::support::harness::openrange;

/// A worker, killed at the end if it still runs.
pub struct Worker(pub Child);

impl Worker {
    pub fn start(directory: &Path, options: &[&str], script: &str) -> Worker {
        let path = directory.display().to_string();
        let tail = [path.as_str(), "--", "sh", "-c", script];
        let arguments = [&["work"], options, &tail].concat();
        let mut command: Command = openrange(&arguments);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        Worker(command.spawn().expect("the binary"))
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.0), signal).expect("a process");
    }

    pub fn code(&mut self) -> Option<i32> {
        self.0.wait().expect("a child").code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
