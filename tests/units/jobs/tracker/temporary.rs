//! Files that are about to get their names.

use std::fs::{self, File};

use openrange::job::JobStatus;
use openrange::jobs::tracker::Accepted;

use super::{Jobs, accept, id};

#[test]
fn nobody_writes_to_the_file_of_another_container() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    // A worker that has the same number there has written how the job ended, and is about to say so.
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let other = path.join(format!(".{}.status.{thread}", id(1)));
    fs::write(&other, "exit 3\n").expect("a file");
    let lock = File::open(&other).expect("a file");
    lock.lock().expect("a lock");
    let ended = jobs.tracker.end(id(1), JobStatus::Cancelled);
    let text = fs::read_to_string(&other).expect("a file");
    assert_eq!(text, "exit 3\n");
    assert_eq!(ended, Ok(true));
    let names = fs::read_dir(path).expect("a directory");
    assert_eq!(
        names.count(),
        7,
        "its files, queue, done and that of the other"
    );
}
