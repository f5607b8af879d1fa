//! `worker::pauses` against a plain list of what each slot waits for.

use std::time::Duration;

use openrange::time::Moment;
use openrange::worker::pauses::Pauses;

use crate::support::pace::some;
use crate::support::random::Random;

const SLOTS: usize = 8;
const PATIENCE: Duration = Duration::from_millis(500);

/// Whoever waits tries again, once for each time that it begins to wait, until its patience is over or it has what it
/// waits for; and the worker wakes for it.
#[test]
fn whoever_waits_tries_again() {
    for seed in some(0..300) {
        let mut random = Random::new(seed);
        let mut pauses = Pauses::new(PATIENCE);
        // Since when each one waits, and whether it is to try again.
        let mut waiting: [Option<(Moment, bool)>; SLOTS] = [None; SLOTS];
        let mut now = Moment(1000);
        for _ in 0..200 {
            let slot = usize::try_from(random.below(SLOTS as u64)).expect("a slot");
            match random.below(4) {
                0 => {
                    let since = waiting[slot].map_or(now, |(since, _)| since);
                    let goes_on = now < since + PATIENCE;
                    assert_eq!(pauses.begin(slot, now), goes_on);
                    waiting[slot] = goes_on.then_some((since, true));
                }
                1 => {
                    pauses.end(slot);
                    waiting[slot] = None;
                }
                2 => now = now + Duration::from_millis(random.below(200)),
                _ => {
                    let tries = |it: &Option<(Moment, bool)>| it.is_some_and(|(_, tries)| tries);
                    assert_eq!(pauses.next() < Moment::NEVER, waiting.iter().any(tries));
                    if pauses.next() < Moment::NEVER {
                        now = now.max(pauses.next());
                    }
                    for slot in pauses.due(now) {
                        let (_, tries) = waiting[slot].as_mut().expect("it waits");
                        assert!(std::mem::replace(tries, false), "it has tried already");
                    }
                    assert!(pauses.next() > now);
                }
            }
        }
    }
}
