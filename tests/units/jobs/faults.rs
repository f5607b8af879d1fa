//! `jobs::work::program`: whose fault it is that a command does not start.

use std::io;
use std::time::{Duration, Instant};

use openrange::jobs::work::program::Faults;
use openrange::limits::JOB_PROGRAM_PATIENCE;
use rustix::io::Errno;

const MISSING: Errno = Errno::NOENT;

#[test]
fn a_shortage_is_not_the_fault_of_the_program() {
    let now = Instant::now();
    let mut faults = Faults::default();
    for shortage in [
        Errno::AGAIN,
        Errno::NOMEM,
        Errno::MFILE,
        Errno::NFILE,
        Errno::TXTBSY,
        Errno::IO,
        Errno::NOSPC,
    ] {
        for at in [now, now + 10 * JOB_PROGRAM_PATIENCE] {
            assert!(!faults.is_of_program(&shortage.into(), at), "{shortage}");
        }
    }
    for fault in [Errno::ACCESS, Errno::NOEXEC, Errno::ISDIR, Errno::LOOP] {
        assert!(faults.is_of_program(&fault.into(), now), "{fault}");
    }
    let impossible = io::Error::from(io::ErrorKind::InvalidInput);
    assert!(faults.is_of_program(&impossible, now));
}

#[test]
fn a_program_that_is_missing_may_come_back() {
    let begin = Instant::now();
    let second = Duration::from_secs(1);
    let missing = |faults: &mut Faults, after| faults.is_of_program(&MISSING.into(), begin + after);
    let mut faults = Faults::default();
    let mut after = Duration::ZERO;
    while after < JOB_PROGRAM_PATIENCE {
        assert!(!missing(&mut faults, after), "{after:?}");
        after += second;
    }
    assert!(missing(&mut faults, after), "it lasts");
    assert!(missing(&mut faults, after + second));
    // It was there meanwhile, or nobody knows.
    faults.end();
    assert!(!missing(&mut faults, after + 2 * second));
    let later = after + 2 * second + JOB_PROGRAM_PATIENCE;
    assert!(!missing(&mut faults, later));
    assert!(!faults.is_of_program(&Errno::MFILE.into(), begin + later));
    assert!(!missing(&mut faults, later + JOB_PROGRAM_PATIENCE - second));
}
