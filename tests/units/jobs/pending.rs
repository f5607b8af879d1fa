//! `jobs::work::pending`: which job a worker looks at next.

use std::time::{Duration, Instant};

use openrange::job::JobId;
use openrange::jobs::work::pending::{Next, Pending};
use openrange::limits::JOB_LOCKED_PAUSE;

fn id(number: u128) -> JobId {
    JobId::from_bits(number)
}

#[test]
fn a_job_that_waits_is_not_added_again() {
    let (pending, now) = (Pending::default(), Instant::now());
    for _ in 0..3 {
        (0..4).for_each(|number| pending.offer(id(number)));
    }
    for number in 0..4 {
        assert_eq!(pending.next(now), Next::Job(id(number)));
    }
    assert_eq!(pending.next(now), Next::Wait(None));
    // Another worker has it; it is found again meanwhile.
    let at = now + JOB_LOCKED_PAUSE;
    pending.look_again_later(id(1), now);
    pending.offer(id(1));
    pending.look_again_later(id(1), now);
    assert_eq!(pending.next(now), Next::Wait(Some(at)));
    assert_eq!(pending.next(at), Next::Job(id(1)));
    assert_eq!(pending.next(at), Next::Wait(None));
    pending.offer(id(1));
    assert_eq!(pending.next(at), Next::Job(id(1)));
}

#[test]
fn a_job_whose_time_has_come_goes_before_new_ones() {
    let (pending, now) = (Pending::default(), Instant::now());
    pending.look_again_later(id(1), now);
    (2..4).for_each(|number| pending.offer(id(number)));
    assert_eq!(pending.next(now), Next::Job(id(2)));
    assert_eq!(pending.next(now + JOB_LOCKED_PAUSE), Next::Job(id(1)));
    let later = now + JOB_LOCKED_PAUSE + Duration::from_secs(1);
    assert_eq!(pending.next(later), Next::Job(id(3)));
}
