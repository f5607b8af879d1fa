//! A hint on the wire: one datagram, which only who has the key can make, and which counts once.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ORHINT1` and a line feed |
//! | 8 | the sender, a random number of its process |
//! | 8 | the number of the datagram, larger than that of the one before |
//! | 8 | milliseconds since 1970 |
//! | 1 | what has happened: `+` the file has another size, `/` the name another file |
//! | 1 to 4,096 | the name, below the root |
//! | 32 | HMAC-SHA256 of all that is before (RFC 2104) |
//!
//! All numbers are big-endian.

use std::time::Duration;

use hmac_sha256::HMAC;

use crate::hint::{Hint, HintKind};
use crate::limits::{PEER_CLOCK, PEER_SENDERS_MAX, TARGET_MAX};
use crate::sorted::SortedMap;

const MAGIC: &[u8; 8] = b"ORHINT1\n";
const HEAD: usize = 33;
const MAC: usize = 32;

/// The longest datagram.
pub const DATAGRAM_MAX: usize = HEAD + TARGET_MAX + MAC;

/// A random number of a process.
pub type Sender = [u8; 8];

/// Makes a datagram. `time`: since 1970.
#[must_use]
pub fn seal(key: &[u8], sender: Sender, number: u64, time: Duration, hint: &Hint) -> Vec<u8> {
    let kind = match hint.kind {
        HintKind::Changed => b'+',
        HintKind::Rolled => b'/',
    };
    let mut datagram = MAGIC.to_vec();
    datagram.extend(sender);
    datagram.extend(number.to_be_bytes());
    datagram.extend(milliseconds(time).to_be_bytes());
    datagram.push(kind);
    datagram.extend(&*hint.name);
    datagram.extend(HMAC::mac(&datagram, key));
    datagram
}

/// Why a datagram is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no hint.
    Malformed,
    /// It was made with another key, or changed on its way.
    Forged,
    /// Its time is far from ours.
    Clock,
    /// It has come before, or may have.
    Repeated,
    /// We have sent it ourselves.
    Own,
}

/// What decides whether a datagram counts.
pub struct Guard {
    key: Box<[u8]>,
    /// Who we are.
    own: Sender,
    senders: SortedMap<Sender, Window>,
}

/// Which datagrams of a sender have come.
struct Window {
    /// The largest number.
    last: u64,
    /// Of the 64 numbers up to that, which have come; the lowest bit is that of `last`.
    come: u64,
    /// When the last one was sent.
    time: u64,
}

impl Guard {
    /// For datagrams that are made with this key. `own`: who we are.
    #[must_use]
    pub fn new(key: &[u8], own: Sender) -> Guard {
        Guard {
            key: key.into(),
            own,
            senders: SortedMap::new(),
        }
    }

    /// The hint in a datagram. `now`: since 1970.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn open(&mut self, datagram: &[u8], now: Duration) -> Result<Hint, Refusal> {
        let length = datagram.len();
        let named = HEAD + 1 + MAC..=DATAGRAM_MAX;
        if !named.contains(&length) || !datagram.starts_with(MAGIC) {
            return Err(Refusal::Malformed);
        }
        let (signed, mac) = datagram.split_at(length - MAC);
        let expected: [u8; MAC] = mac.try_into().expect("of that length");
        // In a time that does not depend on where they differ.
        if !HMAC::verify(signed, &*self.key, &expected) {
            return Err(Refusal::Forged);
        }
        let eight = |at: usize| <[u8; 8]>::try_from(&signed[at..at + 8]).expect("eight bytes");
        let (sender, number, time) = (
            eight(8),
            u64::from_be_bytes(eight(16)),
            u64::from_be_bytes(eight(24)),
        );
        let kind = match signed[32] {
            b'+' => HintKind::Changed,
            b'/' => HintKind::Rolled,
            _ => return Err(Refusal::Malformed),
        };
        if sender == self.own {
            return Err(Refusal::Own);
        }
        if time.abs_diff(milliseconds(now)) > milliseconds(PEER_CLOCK) {
            return Err(Refusal::Clock);
        }
        if !self.is_new(sender, number, time) {
            return Err(Refusal::Repeated);
        }
        let name = signed[HEAD..].into();
        Ok(Hint { name, kind })
    }

    /// Whether this number of a sender has not come yet. One that is far below the largest is taken for one that has.
    fn is_new(&mut self, sender: Sender, number: u64, time: u64) -> bool {
        let Some(window) = self.senders.get_mut(&sender) else {
            self.make_room();
            let window = Window {
                last: number,
                come: 1,
                time,
            };
            self.senders.insert(sender, window);
            return true;
        };
        if number > window.last {
            let ahead = u32::try_from(number - window.last).unwrap_or(u32::MAX);
            window.come = window.come.checked_shl(ahead).unwrap_or(0) | 1;
            (window.last, window.time) = (number, time);
            return true;
        }
        let behind = u32::try_from(window.last - number).unwrap_or(u32::MAX);
        let Some(bit) = 1_u64.checked_shl(behind) else {
            return false;
        };
        let is_new = window.come & bit == 0;
        window.come |= bit;
        is_new
    }

    /// Forgets the sender that has been silent for longest, if there are too many. A server that restarts is a new sender.
    fn make_room(&mut self) {
        if self.senders.len() < PEER_SENDERS_MAX {
            return;
        }
        let oldest = self.senders.iter().min_by_key(|(_, window)| window.time);
        if let Some(sender) = oldest.map(|(sender, _)| *sender) {
            self.senders.remove(&sender);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
