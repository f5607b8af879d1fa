//! `jobs::tracker`: what requests, ends and removals that come at the same moment make of a job.

mod clock;
mod damaged;
mod kernel;
mod queueing;
mod temporary;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use openrange::job::{JobId, JobStatus};
use openrange::jobs::files::JobDirectory;
use openrange::jobs::record::JobRecord;
use openrange::jobs::tracker::{Accepted, JobTerms, Tracker};
use openrange::jobs::watch::{Seen, Watch};
use openrange::limits::JOB_LEAD_PATIENCE;
use openrange::receipt::WriteFailure;
use openrange::store::place::Stop;

use crate::support::directory::TempDir;
use kernel::Between;

/// A watch that reports what a test says.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<Seen>>>);

impl Watch for Reports {
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }

    fn wait(&self, _: Duration) {}

    fn wake(&self) {}
}

struct Jobs {
    dir: TempDir,
    kernel: Arc<Between>,
    reports: Reports,
    tracker: Arc<Tracker>,
}

/// Less than a job may take.
const KEEP: Duration = Duration::from_secs(1800);

impl Jobs {
    fn new(most: usize) -> Jobs {
        let dir = TempDir::in_memory();
        let kernel = Arc::<Between>::default();
        let directory = JobDirectory::open(dir.path()).expect("a directory");
        let reports = Reports::default();
        let terms = JobTerms {
            keep: KEEP,
            most,
            ..JobTerms::default()
        };
        let watch = Box::new(reports.clone());
        let directory = directory.on(Arc::clone(&kernel) as _);
        let tracker = Tracker::over(directory, watch, terms).expect("a tracker");
        Jobs {
            dir,
            kernel,
            reports,
            tracker: Arc::new(tracker),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }

    /// The answer is complete, and somebody has recorded why.
    fn is_over(&self, id: JobId) -> bool {
        self.tracker.directory().is_over(id)
    }
}

fn id(number: u128) -> JobId {
    JobId::from_bits(number)
}

fn accept(tracker: &Tracker, path: &Path, id: JobId) -> Result<Accepted, Stop> {
    accept_while(tracker, path, id, || {})
}

/// Accepts a job; something else happens before its request has its name.
fn accept_while(
    tracker: &Tracker,
    path: &Path,
    id: JobId,
    meanwhile: impl FnOnce(),
) -> Result<Accepted, Stop> {
    let record = JobRecord {
        id,
        deadline: tracker.deadline(None),
        content_type: String::new(),
        length: 0,
        callback: None,
    };
    tracker.accept(&record, || {
        meanwhile();
        fs::write(path.join(format!("{id}.request")), "").expect("a request");
        Ok(())
    })
}

#[test]
fn the_same_request_waits_for_nobody_while_it_is_being_accepted() {
    let jobs = Jobs::new(10);
    let (tracker, path) = (&jobs.tracker, jobs.dir.path());
    let mut second = None;
    let first = accept_while(tracker, path, id(1), || {
        second = Some(accept(tracker, path, id(1)));
    });
    assert_eq!(first, Ok(Accepted::New));
    assert_eq!(second, Some(Err(Stop::Locked)));
    assert_eq!(accept(tracker, path, id(1)), Ok(Accepted::Before));
    assert!(tracker.lead(id(1)));
}

#[test]
fn a_long_request_is_compared_piece_by_piece() {
    const LONG: usize = 300_000;
    let jobs = Jobs::new(10);
    let directory = jobs.tracker.directory();
    let compare = |request: &[u8], content: &[u8]| {
        fs::write(jobs.dir.join(format!("{}.request", id(1))), request).expect("a request");
        fs::write(jobs.dir.join("content"), content).expect("a content");
        let content = fs::File::open(jobs.dir.join("content")).expect("a content");
        let comparison = directory.compare(id(1), content).expect("two files");
        let mut comparison = comparison.expect("a request");
        for steps in 1.. {
            if let Some(is_same) = comparison.step().expect("two files") {
                return (is_same, steps);
            }
        }
        unreachable!()
    };
    let long = vec![b'x'; LONG];
    let (is_same, steps) = compare(&long, &long);
    assert!(is_same && steps > 16, "{steps}");
    let mut other = long.clone();
    other[LONG - 1] = b'y';
    assert!(!compare(&long, &other).0);
    assert!(!compare(&long, &long[1..]).0);
    assert!(!compare(&long[..LONG - 1], &long).0);
    assert_eq!(compare(b"", b""), (true, 1));
    fs::remove_file(jobs.dir.join(format!("{}.request", id(1)))).expect("a request");
    let content = fs::File::open(jobs.dir.join("content")).expect("a content");
    assert!(
        directory
            .compare(id(1), content)
            .expect("no error")
            .is_none()
    );
}

#[test]
fn a_job_whose_files_are_being_removed_is_neither_led_to_nor_ended_nor_made() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path().to_owned();
    assert_eq!(accept(&jobs.tracker, &path, id(1)), Ok(Accepted::New));
    assert_eq!(jobs.tracker.end(id(1), JobStatus::Cancelled), Ok(true));
    let done = jobs.text("done");
    let names = ["{}.request", "{}", "{}.status", ".{}.taken", ".{}.job"];
    let names = names.map(|name| name.replace("{}", id(1).as_str()));
    for name in names {
        // Before each name that goes, everybody comes.
        let (tracker, directory) = (Arc::clone(&jobs.tracker), path.clone());
        let meanwhile = Box::new(move || {
            assert_eq!(accept(&tracker, &directory, id(1)), Err(Stop::Locked));
            assert!(!tracker.lead(id(1)));
            assert_eq!(tracker.end(id(1), JobStatus::Timeout), Ok(false));
            // Whoever could open the answer learns how the job ended.
            let has = |name: String| directory.join(name).exists();
            assert!(has(format!("{}.status", id(1))) || !has(id(1).to_string()));
        });
        *jobs.kernel.before_unlink.lock().expect("no panic") = Some((name.clone(), meanwhile));
        jobs.kernel.pass(KEEP + 2 * JOB_LEAD_PATIENCE);
        jobs.tracker.turn();
        assert!(
            jobs.kernel
                .before_unlink
                .lock()
                .expect("no panic")
                .is_none(),
            "{name}"
        );
        for suffix in ["", ".request", ".status"] {
            assert!(!jobs.has(&format!("{}{suffix}", id(1))), "{name}: {suffix}");
        }
        assert!(!jobs.has(&format!(".{}.job", id(1))), "{name}");
        // From then on it is a new job.
        assert_eq!(
            accept(&jobs.tracker, &path, id(1)),
            Ok(Accepted::New),
            "{name}"
        );
        assert_eq!(jobs.tracker.end(id(1), JobStatus::Cancelled), Ok(true));
    }
    let ends = jobs.text("done").lines().count();
    assert_eq!(ends, done.lines().count() + 5, "one end for each job");
}

#[test]
fn a_job_that_lacks_files_is_made_anew_once_it_has_ended_and_nobody_is_busy_with_it() {
    let jobs = Jobs::new(1);
    let path = jobs.dir.path();
    let count = || jobs.text("queue").lines().count();
    let other = id(9);
    for (number, name) in ["{}", "{}.request"].into_iter().enumerate() {
        let id = id(number as u128);
        let named = |name: &str| jobs.dir.join(name.replace("{}", id.as_str()));
        assert_eq!(accept(&jobs.tracker, path, id), Ok(Accepted::New));
        fs::remove_file(named(name)).expect("a file");
        let queued = count();
        assert_eq!(accept(&jobs.tracker, path, id), Ok(Accepted::Before));
        // Another program ends it, and then the server hears of it.
        fs::write(named("{}.status"), "0\n").expect("a status");
        let report = Seen::Ended(id);
        jobs.reports.0.lock().expect("no panic").push(report);
        for busy in ["{}.status", ".{}.taken"] {
            fs::File::options()
                .append(true)
                .create(true)
                .open(named(busy))
                .expect("a file");
            let lock = fs::File::open(named(busy)).expect("a file");
            lock.lock().expect("a lock");
            let again = accept(&jobs.tracker, path, id);
            assert_eq!(again, Err(Stop::Locked), "{name}, {busy}");
            assert!(named(busy).exists());
        }
        assert_eq!(count(), queued);
        // A report that comes late is not about the new job.
        jobs.reports.0.lock().expect("no panic").push(report);
        assert_eq!(accept(&jobs.tracker, path, id), Ok(Accepted::New));
        assert_eq!(count(), queued + 1);
        assert!(!named("{}.status").exists() && !named(".{}.taken").exists());
        let full = Err(Stop::Failed(WriteFailure::TooManyJobs));
        assert_eq!(accept(&jobs.tracker, path, other), full);
        assert_eq!(accept(&jobs.tracker, path, id), Ok(Accepted::Before));
        assert_eq!(jobs.tracker.end(id, JobStatus::Cancelled), Ok(true));
    }
}

#[test]
fn files_stay_while_somebody_who_was_led_to_them_opens_them() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    assert_eq!(jobs.tracker.end(id(1), JobStatus::Cancelled), Ok(true));
    jobs.kernel.pass(KEEP + 2 * JOB_LEAD_PATIENCE);
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::Before));
    assert!(jobs.tracker.lead(id(1)));
    jobs.tracker.turn();
    assert!(jobs.has(id(1).as_str()) && jobs.has(&format!("{}.status", id(1))));
    jobs.kernel.pass(KEEP + 2 * JOB_LEAD_PATIENCE);
    jobs.tracker.turn();
    assert!(!jobs.has(id(1).as_str()));
}

#[test]
fn files_of_a_job_that_is_not_sealed_stay_until_it_is() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    // Somebody has decided how it ends, and is about to seal.
    let status = path.join(format!("{}.status", id(1)));
    fs::write(status, "0\n").expect("a status");
    jobs.kernel.pass(KEEP + 2 * JOB_LEAD_PATIENCE);
    jobs.tracker.turn();
    assert!(jobs.has(id(1).as_str()) && !jobs.is_over(id(1)));
}

#[test]
fn who_cancels_a_job_that_has_ended_does_not_read_all_ends() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    // A worker that has died before the seal; nobody has heard of it yet.
    let status = path.join(format!("{}.status", id(1)));
    fs::write(status, "0\n").expect("a status");
    jobs.kernel.opened.lock().expect("no panic").clear();
    assert_eq!(jobs.tracker.end(id(1), JobStatus::Cancelled), Ok(false));
    let opened = jobs.kernel.opened.lock().expect("no panic").clone();
    assert!(!opened.contains(&"done".to_owned()), "{opened:?}");
    // The thread does it.
    jobs.tracker.turn();
    assert!(jobs.is_over(id(1)));
    assert_eq!(jobs.text("done").lines().count(), 1);
}

#[test]
fn where_reports_were_lost_nobody_is_refused_before_all_jobs_were_looked_at() {
    let jobs = Jobs::new(1);
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    let full = Err(Stop::Failed(WriteFailure::TooManyJobs));
    assert_eq!(accept(&jobs.tracker, path, id(2)), full);
    let report = |seen| jobs.reports.0.lock().expect("no panic").push(seen);
    report(Seen::Lost);
    assert_eq!(accept(&jobs.tracker, path, id(2)), Err(Stop::Locked));
    report(Seen::Ended(id(1)));
    assert_eq!(accept(&jobs.tracker, path, id(2)), Ok(Accepted::New));
}

/// A watch whose thread has read a report, says so, and lets others go first.
struct Slow {
    reports: Reports,
    read: Mutex<mpsc::Sender<()>>,
}

impl Watch for Slow {
    fn seen(&self) -> Vec<Seen> {
        /// Far more than it takes to accept a job.
        const TURNS: u32 = 10_000;
        let seen = self.reports.seen();
        if !seen.is_empty() {
            let read = self.read.lock().expect("no panic");
            read.send(()).expect("a test that waits");
            (0..TURNS).for_each(|_| thread::yield_now());
        }
        seen
    }

    fn wait(&self, _: Duration) {
        thread::yield_now();
    }

    fn wake(&self) {}
}

#[test]
fn an_end_that_another_thread_has_just_heard_of_makes_room() {
    let dir = TempDir::in_memory();
    let path = dir.path();
    let reports = Reports::default();
    let (read, reading) = mpsc::channel();
    let watch = Slow {
        reports: reports.clone(),
        read: Mutex::new(read),
    };
    let terms = JobTerms {
        most: 1,
        ..JobTerms::default()
    };
    let directory = JobDirectory::open(path).expect("a directory");
    let tracker = Tracker::over(directory, Box::new(watch), terms).expect("a tracker");
    assert_eq!(accept(&tracker, path, id(1)), Ok(Accepted::New));
    let next = thread::scope(|scope| {
        scope.spawn(|| tracker.run());
        let ended = Seen::Ended(id(1));
        reports.0.lock().expect("no panic").push(ended);
        reading.recv().expect("a thread that reads");
        let next = accept(&tracker, path, id(2));
        tracker.stop();
        next
    });
    assert_eq!(next, Ok(Accepted::New));
}
