//! What holds for every Range field and every size. The input is a line of a size, with an `s` if the file is sealed,
//! and the value of the field.

use super::oracle::range as oracle;
use openrange::http::range::{Resolved, parse};
use openrange::limits::PARTS_MAX;

/// The oracle takes its time, more than in proportion to the length.
const ORACLE_MAX: usize = 120;

pub fn range(bytes: &[u8]) {
    let feed = bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(bytes.len());
    let (line, value) = (&bytes[..feed], bytes.get(feed + 1..).unwrap_or_default());
    let digits = line.iter().filter(|byte| byte.is_ascii_digit());
    let size = digits.fold(0_u64, |size, digit| {
        size.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    // No file is longer.
    let size = size.min(i64::MAX as u64);
    let sealed = line.contains(&b's');

    let asked = parse(value);
    let resolved = asked.as_ref().map(|asked| asked.resolve(size, sealed));
    match &resolved {
        Some(Resolved::Slices(slices)) => {
            assert!((1..=PARTS_MAX).contains(&slices.len()));
            let mut sorted = slices.clone();
            sorted.sort_by_key(|slice| slice.start);
            assert!(
                sorted
                    .iter()
                    .all(|slice| slice.start < slice.end && slice.end <= size)
            );
            assert!(
                sorted.windows(2).all(|pair| pair[0].end < pair[1].start),
                "they touch"
            );
        }
        Some(Resolved::Tail { at, last, open }) => {
            assert!(*at <= size && !sealed);
            assert!(!last.is_empty() && last.bytes().all(|digit| digit.is_ascii_digit()));
            let echoed = |part: &[u8]| part == last.as_bytes();
            assert!(
                *open || value.windows(last.len()).any(echoed),
                "digit for digit"
            );
            assert!(asked.is_some_and(|asked| asked.may_tail()));
        }
        Some(Resolved::Whole | Resolved::Unsatisfiable) | None => {}
    }
    if value.len() <= ORACLE_MAX {
        assert_eq!(resolved, oracle::expected(value, size, sealed));
    }
}
