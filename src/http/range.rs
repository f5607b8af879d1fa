//! The `Range` field: what was asked, and with a size what to send (RFC 9110 section 14, RFC 8673).
//!
//! Numbers may have any number of digits: a first position saturates (every file is shorter), a last position is
//! compared as digits and kept as text where it must be echoed.

use std::cmp::Ordering;
use std::ops::Range;

use crate::limits::PARTS_MAX;
use crate::sorted::sort_by_key;

/// The last position that an open-ended tail is answered with: 2^53-1, the value RFC 8673 section 4 recommends.
pub const OPEN_END: &str = "9007199254740991";
/// A last position from here on may mean "live" (RFC 8673: "very large"); smaller ones are always finite.
const VERY_LARGE: u64 = 999_999_999_999;

/// One `range-spec` of a Range field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Spec {
    /// `A-`
    From(u64),
    /// `A-B`, B as its digits.
    Between(u64, Box<str>),
    /// `-N`
    Last(u64),
}

/// A valid Range field in bytes: at least one spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeSpec(Vec<Spec>);

/// What a Range field means for a file of a certain size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The field is ignored: 200.
    Whole,
    /// 206 with these parts, in the order asked, none empty, none touching another.
    Slices(Vec<Range<u64>>),
    /// 206 that stays open.
    Tail {
        /// Offset of the first byte.
        at: u64,
        /// The last position of the answer's Content-Range, in digits.
        last: Box<str>,
        /// Asked as `A-`, without a last position.
        open: bool,
    },
    /// 416.
    Unsatisfiable,
}

/// Parses the value of a Range field.
///
/// `None` if the unit is not `bytes` or the syntax is not that of RFC 9110 section 14.1.1: such a field is ignored.
#[must_use]
pub fn parse(value: &[u8]) -> Option<RangeSpec> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    // Empty elements are legal in a list (RFC 9110 section 5.6.1.2).
    for element in set
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
    {
        specs.push(spec(element)?);
    }
    (!specs.is_empty()).then_some(RangeSpec(specs))
}

fn trim(element: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = element
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(element.len());
    let end = element
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    &element[start..end]
}

fn spec(element: &[u8]) -> Option<Spec> {
    let dash = element.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (digits(&element[..dash])?, digits(&element[dash + 1..])?);
    match (first, last) {
        ("", "") => None,
        ("", count) => Some(Spec::Last(saturate(count))),
        (first, "") => Some(Spec::From(saturate(first))),
        (first, last) if compare(first, last) == Ordering::Greater => None,
        (first, last) => Some(Spec::Between(saturate(first), last.into())),
    }
}

fn digits(text: &[u8]) -> Option<&str> {
    text.iter()
        .all(u8::is_ascii_digit)
        .then(|| str::from_utf8(text).ok())
        .flatten()
}

/// The number, or `u64::MAX` if it is larger.
fn saturate(digits: &str) -> u64 {
    digits.bytes().fold(0u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    })
}

/// Compares two numbers of any length.
fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

impl RangeSpec {
    /// Everything from an offset on: `bytes=A-`.
    #[must_use]
    pub fn open(first: u64) -> RangeSpec {
        RangeSpec(vec![Spec::From(first)])
    }

    /// The same, but if it can be answered with a tail, not before this offset.
    #[must_use]
    pub fn not_before(&self, start: u64) -> RangeSpec {
        let mut asked = self.clone();
        if let (true, [Spec::From(first) | Spec::Between(first, _)]) =
            (asked.may_tail(), asked.0.as_mut_slice())
        {
            *first = start.max(*first);
        }
        asked
    }

    /// Whether this can be answered with a tail, whatever the size: one spec with an open or very large end.
    #[must_use]
    pub fn may_tail(&self) -> bool {
        match self.0.as_slice() {
            [Spec::From(_)] => true,
            [Spec::Between(_, last)] => saturate(last) >= VERY_LARGE,
            _ => false,
        }
    }

    /// The first position, if this is one range that names it.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        match self.0.as_slice() {
            [Spec::From(first) | Spec::Between(first, _)] => Some(*first),
            _ => None,
        }
    }

    /// What to send of a file of `size` bytes. A `sealed` file is complete, so nothing of it is live.
    #[must_use]
    pub fn resolve(&self, size: u64, sealed: bool) -> Resolved {
        if !sealed && let [only] = self.0.as_slice() {
            let live = match only {
                Spec::From(at) => Some((*at, OPEN_END.into(), true)),
                Spec::Between(at, last)
                    if saturate(last) >= VERY_LARGE && saturate(last) > size =>
                {
                    Some((*at, last.clone(), false))
                }
                _ => None,
            };
            if let Some((at, last, open)) = live {
                return if at > size {
                    Resolved::Unsatisfiable
                } else {
                    Resolved::Tail { at, last, open }
                };
            }
        }
        let slices = merge(self.0.iter().filter_map(|spec| spec.finite(size)).collect());
        match slices.len() {
            0 => Resolved::Unsatisfiable,
            1..=PARTS_MAX => Resolved::Slices(slices),
            _ => Resolved::Whole,
        }
    }
}

impl Spec {
    /// The bytes this selects of a complete file, or `None` if it selects none.
    fn finite(&self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Spec::From(first) => *first..size,
            Spec::Between(first, last) => *first..saturate(last).saturating_add(1).min(size),
            Spec::Last(count) => size.saturating_sub(*count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// Joins ranges that overlap or touch; the result keeps the order in which the ranges were asked first
/// (RFC 9110 section 15.3.7.2).
fn merge(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<(usize, Range<u64>)> = ranges.into_iter().enumerate().collect();
    sort_by_key(&mut sorted, |(_, range)| range.start);
    let mut merged: Vec<(usize, Range<u64>)> = Vec::new();
    for (order, range) in sorted {
        match merged.last_mut() {
            Some((first, last)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *first = order.min(*first);
            }
            _ => merged.push((order, range)),
        }
    }
    sort_by_key(&mut merged, |(order, _)| *order);
    merged.into_iter().map(|(_, range)| range).collect()
}
