//! When a look for generations counts, and when another one follows.

use std::time::Duration;

use openrange::http::conditional::ETag;
use openrange::limits::{
    GENERATIONS_HOLE_LONGEST, GENERATIONS_HOLE_QUIET, GENERATIONS_PAUSE, GENERATIONS_TRIES,
};
use openrange::store::generations::looks::{Looks, Wanted};
use openrange::store::generations::order::{Member, Seen};
use openrange::store::generations::report::Report;

use super::order::{member, saw};

const LOG: &str = "app.log";
const SETTLED: Duration = Duration::from_millis(60);

fn of(names: &[(&str, u64)], seen: Seen, quiet: Duration) -> Report {
    let member = |&(name, tag): &(&str, u64)| -> Member { member(name, tag, 1) };
    Report::new(names.iter().map(member).collect(), seen, quiet)
}

/// In the middle of a roll, and after it.
fn middle(quiet: Duration) -> Report {
    of(&[("app.log.2", 1), (LOG, 2)], Seen::default(), quiet)
}

fn rolled(quiet: Duration) -> Report {
    let files = [("app.log.2", 1), ("app.log.1", 2), (LOG, 3)];
    of(&files, Seen::default(), quiet)
}

#[test]
fn a_missing_number_counts_when_the_directory_is_quiet() {
    for quiet in [Duration::ZERO, SETTLED, GENERATIONS_HOLE_QUIET / 2] {
        let mut looks = Looks::new(Wanted::All);
        assert_eq!(looks.judge(middle(quiet)), Err(GENERATIONS_PAUSE));
        assert_eq!(looks.judge(middle(quiet)), Err(GENERATIONS_PAUSE));
        let rolled = rolled(SETTLED);
        assert_eq!(looks.judge(rolled.clone()), Ok(rolled));
    }
    let mut looks = Looks::new(Wanted::All);
    assert!(looks.judge(middle(SETTLED)).is_err());
    let gap = middle(GENERATIONS_HOLE_QUIET);
    assert_eq!(looks.judge(gap.clone()), Ok(gap.clone()));
    // So is one in which nothing has happened for long.
    assert_eq!(Looks::new(Wanted::All).judge(gap.clone()), Ok(gap));
}

#[test]
fn only_a_missing_number_that_matters_is_waited_for() {
    let (all, file, after) = (
        Wanted::All,
        |tag| Wanted::File(ETag(tag)),
        |tag| Wanted::After(ETag(tag)),
    );
    let number_2 = || {
        let files = [
            ("app.log.4", 1),
            ("app.log.3", 2),
            ("app.log.1", 4),
            (LOG, 5),
        ];
        of(&files, Seen::default(), SETTLED)
    };
    for (wanted, waits) in [
        (all, true),
        (after(1), true),
        (after(2), true),
        (after(4), false),
        (after(5), false),
        // It is there, whatever comes after it.
        (file(1), false),
        (file(5), false),
        (file(9), true),
        (after(9), true),
    ] {
        let judged = Looks::new(wanted).judge(number_2());
        assert_eq!(judged.is_err(), waits, "{wanted:?}");
    }
    // Nothing is missing; or it was seen, so it does not come back; or nothing has the name, so the next file is not there.
    let line = || saw(&[(1, false), (2, true), (3, true)]);
    for sure in [
        rolled(SETTLED),
        of(&[("app.log.3", 1), (LOG, 3)], line(), SETTLED),
        of(&[("app.log.2", 2), (LOG, 3)], line(), SETTLED),
        of(&[("app.log.2", 1)], Seen::default(), SETTLED),
    ] {
        assert_eq!(Looks::new(all).judge(sure.clone()), Ok(sure));
    }
}

#[test]
fn a_directory_that_never_rests() {
    let all = |looks: &mut Looks, quiet| -> Vec<Duration> {
        std::iter::from_fn(|| looks.judge(middle(quiet)).err()).collect()
    };
    for quiet in [Duration::ZERO, SETTLED] {
        let mut looks = Looks::new(Wanted::All);
        let pauses = all(&mut looks, quiet);
        let waited = pauses.iter().sum::<Duration>();
        assert!(waited >= GENERATIONS_HOLE_LONGEST, "{waited:?}");
        assert!(waited < GENERATIONS_HOLE_LONGEST * 5 / 4, "{waited:?}");
        assert!(pauses.len() <= 24, "{pauses:?}");
        assert!(pauses.is_sorted(), "{pauses:?}");
    }
    // The last look comes when the directory has been quiet for long enough.
    let mut looks = Looks::new(Wanted::All);
    while looks
        .judge(middle(SETTLED))
        .is_err_and(|pause| pause < GENERATIONS_PAUSE * 3)
    {}
    let left = GENERATIONS_PAUSE * 2;
    let almost = middle(GENERATIONS_HOLE_QUIET - left);
    assert_eq!(looks.judge(almost), Err(left));
    // Without a missing number it is as before.
    let mut looks = Looks::new(Wanted::All);
    for turn in 1..GENERATIONS_TRIES {
        let files = [("app.log.1", u64::from(turn)), (LOG, 100)];
        let other = of(&files, Seen::default(), Duration::ZERO);
        assert_eq!(looks.judge(other), Err(GENERATIONS_PAUSE));
    }
    assert!(looks.judge(rolled(Duration::ZERO)).is_ok());
}

#[test]
fn who_may_share_the_next_looks() {
    let (wanted, other) = (Wanted::All, Wanted::After(ETag(1)));
    let mut looks = Looks::new(wanted);
    assert!(looks.fit(wanted) && !looks.fit(other));
    assert!(looks.judge(rolled(Duration::ZERO)).is_err());
    assert!(!looks.fit(wanted), "it has been disturbed once");
    assert!(looks.judge(middle(SETTLED)).is_err());
    assert!(looks.fit(wanted) && !looks.fit(other));
}

/// In a roll a file may be unlinked at any moment.
#[test]
fn a_file_that_is_to_be_sent_live_is_not_looked_for_twice() {
    let here = Wanted::Live(ETag(1));
    let report = middle(Duration::ZERO);
    assert_eq!(Looks::new(here).judge(report.clone()), Ok(report.clone()));
    assert!(
        Looks::new(Wanted::File(ETag(1)))
            .judge(report.clone())
            .is_err()
    );
    assert!(Looks::new(Wanted::Live(ETag(3))).judge(report).is_err());
}
