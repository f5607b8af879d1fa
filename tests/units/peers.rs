//! Datagrams between servers of the same files: who can make them, and that each counts once.

use std::time::Duration;

use openrange::hint::{Hint, HintKind};
use openrange::server::peers::datagram::{DATAGRAM_MAX, Guard, Refusal, Sender, seal};

const KEY: &[u8] = b"a key that all of them have";
const OTHER: &[u8] = b"a key that one of them has";
const HERE: Sender = *b"we here.";
const THERE: Sender = *b"they are";
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn hint(name: &[u8], kind: HintKind) -> Hint {
    Hint {
        name: name.into(),
        kind,
    }
}

fn numbered(number: u64) -> Vec<u8> {
    seal(KEY, THERE, number, NOW, &hint(b"log", HintKind::Changed))
}

#[test]
fn what_was_sealed_can_be_opened_once() {
    let mut guard = Guard::new(KEY, HERE);
    let names: [&[u8]; 4] = [b"a", b"dir/log", b"\xff\n\0", &[b'n'; 4096]];
    let all = names
        .iter()
        .flat_map(|name| [HintKind::Changed, HintKind::Rolled].map(|what| hint(name, what)));
    for (number, hint) in all.enumerate() {
        let datagram = seal(KEY, THERE, number as u64, NOW, &hint);
        assert!(datagram.len() <= DATAGRAM_MAX);
        assert_eq!(guard.open(&datagram, NOW), Ok(hint));
        assert_eq!(guard.open(&datagram, NOW), Err(Refusal::Repeated));
    }
}

#[test]
fn every_bit_counts_and_so_does_the_key() {
    let datagram = numbered(1);
    for bit in 0..datagram.len() * 8 {
        let mut changed = datagram.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refused = Guard::new(KEY, HERE).open(&changed, NOW);
        let expected = if bit < 64 {
            Refusal::Malformed
        } else {
            Refusal::Forged
        };
        assert_eq!(refused, Err(expected), "bit {bit}");
    }
    for length in 0..datagram.len() {
        assert!(
            Guard::new(KEY, HERE)
                .open(&datagram[..length], NOW)
                .is_err()
        );
    }
    assert_eq!(
        Guard::new(OTHER, HERE).open(&datagram, NOW),
        Err(Refusal::Forged)
    );
    assert_eq!(
        Guard::new(KEY, THERE).open(&datagram, NOW),
        Err(Refusal::Own)
    );
    let long = seal(KEY, THERE, 1, NOW, &hint(&[b'n'; 4097], HintKind::Changed));
    assert_eq!(
        Guard::new(KEY, HERE).open(&long, NOW),
        Err(Refusal::Malformed)
    );
}

#[test]
fn a_hint_that_was_recorded_is_of_no_use_later() {
    let minute = Duration::from_secs(60);
    let moment = Duration::from_millis(1);
    for (now, counts) in [
        (NOW + minute, true),
        (NOW - minute, true),
        (NOW + minute + moment, false),
        (NOW - minute - moment, false),
    ] {
        let opened = Guard::new(KEY, HERE).open(&numbered(1), now);
        let expected = match counts {
            true => Ok(hint(b"log", HintKind::Changed)),
            false => Err(Refusal::Clock),
        };
        assert_eq!(opened, expected);
    }
}

/// In whatever order they come, against a set as oracle: those of the last 64 count once, older ones not.
#[test]
fn numbers_in_any_order() {
    let mut random = 1_u64;
    for _ in 0..200 {
        let mut guard = Guard::new(KEY, HERE);
        let mut come = std::collections::BTreeSet::new();
        for _ in 0..100 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) % 200;
            let last = come.last().copied();
            let late = last.is_some_and(|last: u64| number + 64 <= last);
            let is_new = come.insert(number) && !late;
            assert_eq!(
                guard.open(&numbered(number), NOW).is_ok(),
                is_new,
                "{number} after {last:?}"
            );
        }
    }
}

/// Heads that are started again are new senders; the one that is forgotten is the one that was silent for longest.
#[test]
fn many_senders() {
    let mut guard = Guard::new(KEY, HERE);
    let mut open = |sender: u64, seconds: u64| {
        let time = NOW + Duration::from_secs(seconds);
        let datagram = seal(
            KEY,
            sender.to_be_bytes(),
            7,
            time,
            &hint(b"log", HintKind::Changed),
        );
        guard.open(&datagram, NOW).is_ok()
    };
    for sender in 1..=300 {
        assert!(open(sender, sender / 10));
    }
    assert!(!open(300, 30) && !open(200, 20) && open(1, 0));
}
