//! `--jobs`: the directory of the jobs, before anything is served, and the thread that ends them at their deadline.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::http::prefix::Prefix;
use crate::jobs::tracker::Tracker;
use crate::os::threads;
use crate::store::root::{Files, open_root};
use crate::store::truncations::Truncations;
use crate::worker::upload::Jobs;

use super::options::Options;

/// The directory of the jobs; `None`: there are none.
///
/// # Errors
/// One line: it is no directory.
pub fn directory(options: &Options) -> Result<Option<OwnedFd>, String> {
    let Some(prefix) = &options.jobs else {
        return Ok(None);
    };
    let root = open_root(&options.root).map_err(|error| error.to_string())?;
    let files = Files::new(root, Arc::new(Truncations::default()));
    let found = files.below(prefix.name()).map_err(io::Error::from);
    let found = found.map_err(|error| wrong(prefix, &error))?;
    let directory = rustix::io::fcntl_dupfd_cloexec(found.directory(), 0);
    directory
        .map(Some)
        .map_err(|error| wrong(prefix, &error.into()))
}

/// Takes over what an earlier server has left there.
///
/// # Errors
/// One line: the server cannot use the directory.
pub fn prepare(options: &Options, directory: Option<&OwnedFd>) -> Result<Option<Jobs>, String> {
    let (Some(prefix), Some(directory)) = (&options.jobs, directory) else {
        return Ok(None);
    };
    let path = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
    let tracker = Tracker::new(path.as_ref(), options.job_terms);
    let tracker = tracker.map_err(|error| wrong(prefix, &error))?;
    Ok(Some(Jobs {
        prefix: prefix.clone(),
        old_dir: options.old_dir.clone(),
        tracker: Arc::new(tracker),
    }))
}

/// Starts the thread that waits for deadlines and ends.
///
/// # Errors
/// One line: no thread can start.
pub fn start(jobs: Option<&Jobs>) -> Result<Option<JoinHandle<()>>, String> {
    let Some(jobs) = jobs else {
        return Ok(None);
    };
    let tracker = Arc::clone(&jobs.tracker);
    threads::start("jobs", None, move || tracker.run())
        .map(Some)
        .map_err(|error| format!("cannot start the thread of --jobs: {error}"))
}

fn wrong(prefix: &Prefix, error: &io::Error) -> String {
    format!(
        "cannot use --jobs {prefix}: {error}; it must be a directory below ROOT that can be written"
    )
}
