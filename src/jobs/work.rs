//! `openrange work`: takes jobs from a directory and runs a command for each.
//!
//! One thread follows `queue`, others attend to jobs and run their commands. Only the directory says what is to be done: a
//! line of the queue says where to look, and after a roll of the queue, or at the start, a scan finds the jobs whose lines
//! were not read. So a worker may die at any moment, and any number of them may share a directory.

pub mod attendant;
mod command;
pub mod options;
pub mod pending;
pub mod program;
pub mod queue;
pub mod troubles;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use log::info;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::operand;
use crate::os::threads;
use attendant::Attendant;
use command::Commands;
use options::WorkOptions;
use pending::Pending;
use queue::QueueFollower;
use troubles::Troubles;

/// What the threads of a worker share.
type Work = Attendant<Commands>;

/// Works until SIGTERM or SIGINT, then lets running commands finish; a second signal stops them. Their attempts count, as those
/// of a worker that died: the next worker ends their jobs as abandoned, or takes them again (`--retry`).
///
/// # Errors
/// One line, if the directory cannot be opened or watched.
pub fn run(options: WorkOptions) -> Result<(), String> {
    let path = &options.directory;
    let directory = operand::open(path)?;
    let mut queue = QueueFollower::new(path).map_err(|error| operand::unusable(path, &error))?;
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| error.to_string())?;
    let runners = options.jobs;
    let work = Arc::new(Work {
        directory,
        pending: Pending::default(),
        troubles: Troubles::default(),
        retry: options.retry,
        runner: Commands::new(options.command),
    });
    let runners =
        start(&work, runners).map_err(|error| format!("cannot start a thread: {error}"))?;
    let stop = queue.stopper();
    let follower = threads::start("queue", None, {
        let work = Arc::clone(&work);
        move || queue.run(&work.directory, &work.pending)
    });
    let follower = follower.map_err(|error| format!("cannot start a thread: {error}"))?;
    info!("working on the jobs in {}", path.display());
    operand::note_missing_queue(&work.directory, path);
    let closer = signals.handle();
    let waiter = threads::start("runners", None, move || {
        for runner in runners {
            let _ = runner.join();
        }
        closer.close();
    });
    let waiter = waiter.map_err(|error| format!("cannot start a thread: {error}"))?;
    for (count, _) in signals.forever().enumerate() {
        work.pending.stop();
        if count == 0 {
            info!("ending once the running commands have ended");
        } else {
            work.runner.cut.store(true, Ordering::Relaxed);
        }
    }
    let _ = waiter.join();
    stop.stop();
    let _ = follower.join();
    Ok(())
}

fn start(work: &Arc<Work>, count: usize) -> std::io::Result<Vec<JoinHandle<()>>> {
    let runner = |number| {
        let work = Arc::clone(work);
        threads::start(&format!("job-{number}"), None, move || {
            while let Some(id) = work.pending.wait() {
                work.attend(id, Instant::now());
            }
        })
    };
    (0..count).map(runner).collect()
}
