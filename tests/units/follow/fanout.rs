//! Where a pass over the tails of a topic goes on, whoever has come or gone meanwhile.

use crate::support::random::Random;
use openrange::follow::fanout::first_from;

/// A tail that was skipped would not be told of the change; one that comes twice is only looked at twice.
#[test]
fn a_pass_goes_on_with_the_first_tail_that_it_has_not_seen() {
    // Tails, next key, expected index; index.
    for (tails, next, expected, index) in [
        (&[][..], 0, 0, 0),
        (&[], 7, 3, 0),
        (&[1, 2, 3], 0, 0, 0),
        (&[1, 2, 3], 2, 1, 1),
        (&[1, 2, 3], 4, 3, 3),
        // The one before has gone.
        (&[2, 3, 4], 3, 2, 1),
        (&[3], 3, 1, 0),
        // One has come before, or exactly there.
        (&[0, 1, 2, 3], 2, 1, 2),
        (&[1, 2, 5], 2, 1, 1),
    ] {
        let what = format!("{tails:?} from {next}, expected at {expected}");
        assert_eq!(first_from(tails, next, expected), index, "{what}");
    }
}

#[test]
fn it_finds_what_a_search_finds() {
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let tails: Vec<u32> = (0..12).filter(|_| random.below(2) == 0).collect();
        let next = random.below(14) as u32;
        let expected = random.below(14) as usize;
        let found = tails.iter().position(|&slot| slot >= next);
        assert_eq!(
            first_from(&tails, next, expected),
            found.unwrap_or(tails.len()),
            "{tails:?} from {next}, expected at {expected}"
        );
    }
}
