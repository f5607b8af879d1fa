//! `worker::deadlines` against a plain list of one moment for each slot.

use crate::support::pace::some;
use crate::support::random::Random;
use openrange::time::Moment;
use openrange::worker::deadlines::Deadlines;

const NEVER: Moment = Moment::NEVER;
const SLOTS: usize = 12;

/// The set and, beside it, what every slot remembers of its own entry.
struct Pair {
    set: Deadlines,
    armed: [Moment; SLOTS],
}

impl Pair {
    fn arm(&mut self, slot: usize, wanted: Moment) {
        // Only an earlier moment moves an entry; a later one is seen when the armed one comes.
        let expected = match (self.armed[slot], wanted) {
            (_, NEVER) => NEVER,
            (armed, wanted) => armed.min(wanted),
        };
        self.armed[slot] = self.set.arm(slot, self.armed[slot], wanted);
        assert_eq!(self.armed[slot], expected);
    }

    fn check_next(&self) {
        assert_eq!(self.set.next(), *self.armed.iter().min().unwrap());
    }

    fn pop(&mut self, now: Moment) -> Option<usize> {
        let due = (0..SLOTS).filter(|&slot| self.armed[slot] <= now && self.armed[slot] != NEVER);
        let expected = due.min_by_key(|&slot| self.armed[slot]);
        assert_eq!(self.set.pop(now), expected);
        if let Some(slot) = expected {
            self.armed[slot] = NEVER;
        }
        expected
    }
}

/// Moments of which some differ in the upper half of their bits alone, and some in the lower.
fn some_moment(random: &mut Random) -> Moment {
    Moment((random.below(3) << 32) + random.below(20))
}

#[test]
fn random_orders() {
    for seed in some(0..300) {
        let mut random = Random::new(seed);
        let mut pair = Pair {
            set: Deadlines::default(),
            armed: [NEVER; SLOTS],
        };
        println!("seed {seed}");
        for _ in 0..200 {
            let slot = usize::try_from(random.below(SLOTS as u64)).unwrap();
            match random.below(6) {
                0 => pair.arm(slot, NEVER),
                1..=3 => pair.arm(slot, some_moment(&mut random)),
                4 => drop(pair.pop(some_moment(&mut random))),
                _ => while pair.pop(some_moment(&mut random)).is_some() {},
            }
            pair.check_next();
        }
        // An entry without an owner would come up here.
        while pair.pop(NEVER).is_some() {}
        assert_eq!(pair.set.next(), NEVER);
    }
}

#[test]
fn one_entry_for_each_slot() {
    let mut set = Deadlines::default();
    assert_eq!((set.next(), set.pop(NEVER)), (NEVER, None));
    let mut armed = set.arm(3, NEVER, Moment(50));
    armed = set.arm(3, armed, Moment(40));
    assert_eq!(armed, Moment(40));
    armed = set.arm(3, armed, Moment(60));
    assert_eq!(
        armed,
        Moment(40),
        "later: asked again when the armed one comes"
    );
    assert_eq!(set.arm(3, armed, armed), armed);
    assert_eq!(set.pop(Moment(39)), None);
    assert_eq!(set.pop(Moment(40)), Some(3));
    assert_eq!(set.pop(NEVER), None);
    armed = set.arm(3, NEVER, Moment(70));
    assert_eq!(set.arm(3, armed, NEVER), NEVER);
    assert_eq!((set.next(), set.pop(NEVER)), (NEVER, None));
}
