//! `--max-rate`: a bucket of a tenth of a second.

use openrange::client::pace::Pace;
use openrange::time::Moment;

#[test]
fn no_rate_is_no_limit() {
    let mut pace = Pace::new(None, Moment(0));
    pace.spend(u64::MAX);
    assert_eq!(pace.allowance(Moment(1)), usize::MAX);
    assert_eq!(pace.deadline(Moment(1)), Moment::NEVER);
}

#[test]
fn allowance_over_time() {
    // Bytes in a second; steps of: milliseconds since the beginning, bytes that may come then, bytes that come then.
    type Row<'a> = (u64, &'a [(u64, usize, u64)]);
    let table: &[Row<'_>] = &[
        // Full at the beginning, and it holds no more than that.
        (
            1000,
            &[
                (0, 100, 0),
                (5000, 100, 100),
                (5000, 0, 0),
                (5001, 1, 0),
                (5050, 50, 0),
                (9000, 100, 30),
                (9000, 70, 0),
            ],
        ),
        // Half bytes are not lost: 3 bytes a second are 1 after 334 ms, and never more than 1 at once.
        (
            3,
            &[
                (0, 1, 1),
                (1, 0, 0),
                (333, 0, 0),
                (334, 1, 1),
                (334, 0, 0),
                (668, 1, 0),
                (9000, 1, 0),
            ],
        ),
        // More than was asked for may have come.
        (1000, &[(0, 100, 500), (0, 0, 0), (10, 10, 0)]),
        // A rate beyond what can be counted.
        (
            u64::MAX,
            &[
                (0, (u64::MAX / 10) as usize, u64::MAX),
                (1, (u64::MAX / 1000) as usize, 0),
            ],
        ),
    ];
    for &(rate, steps) in table {
        let mut pace = Pace::new(Some(rate), Moment(0));
        for &(at, allowed, come) in steps {
            assert_eq!(pace.allowance(Moment(at)), allowed, "{rate} at {at}");
            pace.spend(come);
        }
    }
}

#[test]
fn deadlines() {
    // Soon, but not so soon that the process does nothing else than to wake up: 25 ms, or when a byte is due.
    for (rate, wait) in [
        (1, 1000),
        (2, 500),
        (10, 100),
        (40, 25),
        (41, 25),
        (1_000_000, 25),
    ] {
        let mut pace = Pace::new(Some(rate), Moment(7));
        assert_eq!(
            pace.deadline(Moment(7)),
            Moment::NEVER,
            "{rate}: bytes may come"
        );
        pace.spend(rate);
        assert_eq!(pace.deadline(Moment(7)), Moment(7 + wait), "{rate}");
        let due = Moment(7 + wait);
        assert!(pace.allowance(due) > 0, "{rate}: woken in vain");
    }
}
