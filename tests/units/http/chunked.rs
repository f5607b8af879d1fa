//! `http::chunked`: however short the sends are, the bytes on the wire are those of the chunk.

use crate::support::pace::some;
use crate::support::random::Random;
use openrange::http::chunked::{Frame, LAST, LINE_MAX, Rest};
use openrange::limits::CHUNK_MAX;

/// A file whose bytes tell where they stand.
fn file(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// RFC 9112 section 7.1, or the bare bytes.
fn expected(len: u32, chunked: bool) -> Vec<u8> {
    let line = format!("{len:x}\r\n");
    match chunked {
        true => [line.as_bytes(), &file(len), b"\r\n"].concat(),
        false => file(len),
    }
}

/// What goes out when each send takes what `take` says of what it is offered.
fn delivered(len: u32, chunked: bool, mut take: impl FnMut(usize) -> usize) -> Vec<u8> {
    let bytes = file(len);
    let mut frame = Frame::new(len);
    let mut wire = Vec::new();
    loop {
        let Rest { line, file, end } = frame.rest(chunked);
        assert_eq!(file.start, frame.file_sent(chunked));
        assert_eq!(file.end, u64::from(len));
        let parts = [&line, &bytes[file.start as usize..], end];
        let offered = parts.iter().map(|part| part.len()).sum();
        let taken = take(offered).min(offered);
        wire.extend(parts.into_iter().flatten().take(taken));
        let done = frame.advance(taken as u64, chunked);
        assert_eq!(done, taken == offered);
        if done {
            return wire;
        }
    }
}

#[test]
fn every_split_of_short_frames() {
    // A bit for each place between two bytes: cut there or not.
    for chunked in [true, false] {
        for len in 1..=8 {
            let whole = expected(len, chunked);
            for cuts in some(0..1_u32 << (whole.len() - 1)) {
                let mut rest = cuts | 1 << (whole.len() - 1);
                let wire = delivered(len, chunked, |_| {
                    let taken = rest.trailing_zeros() + 1;
                    rest >>= taken;
                    taken as usize
                });
                assert_eq!(wire, whole, "{len} bytes, chunked {chunked}, cuts {cuts:b}");
            }
        }
    }
}

#[test]
fn every_two_cuts_of_longer_frames() {
    for chunked in [true, false] {
        for len in [15, 16, 17, 100] {
            let whole = expected(len, chunked);
            for first in 0..=whole.len() {
                for second in some(0..=whole.len() - first) {
                    let mut sizes = [first, second].into_iter();
                    let wire = delivered(len, chunked, |offered| sizes.next().unwrap_or(offered));
                    assert_eq!(
                        wire, whole,
                        "{len} bytes, chunked {chunked}: {first}, {second}"
                    );
                }
            }
        }
    }
}

#[test]
fn random_splits_of_long_frames() {
    let mut random = Random::new(0);
    for chunked in [true, false] {
        let lengths = [
            255,
            256,
            4_095,
            4_096,
            65_535,
            65_536,
            CHUNK_MAX - 1,
            CHUNK_MAX,
        ];
        for len in some(lengths.into_iter()) {
            let whole = expected(len, chunked);
            for round in 0..4 {
                // Some sends are tiny, so that the line and the end are cut too.
                let wire = delivered(len, chunked, |offered| {
                    let most = [3, offered as u64 + 1][random.below(2) as usize];
                    let near_end = offered <= 4 || offered as u64 >= whole.len() as u64 - 8;
                    random.below(if near_end { 4 } else { most }) as usize
                });
                assert!(
                    wire == whole,
                    "{len} bytes, chunked {chunked}, round {round}"
                );
            }
        }
    }
}

#[test]
fn parts() {
    // Length and bytes sent; size line, file bytes and line end still to go.
    let table: &[(u32, u64, &str, std::ops::Range<u64>, &str)] = &[
        (1, 0, "1\r\n", 0..1, "\r\n"),
        (1, 2, "\n", 0..1, "\r\n"),
        (1, 3, "", 0..1, "\r\n"),
        (1, 4, "", 1..1, "\r\n"),
        (1, 5, "", 1..1, "\n"),
        (0xff, 4, "", 0..0xff, "\r\n"),
        (0x100, 4, "\n", 0..0x100, "\r\n"),
        (0xabc, 5 + 0xabb, "", 0xabb..0xabc, "\r\n"),
        (CHUNK_MAX, 0, "100000\r\n", 0..0x10_0000, "\r\n"),
        ((1 << 24) - 1, 0, "ffffff\r\n", 0..0xff_ffff, "\r\n"),
    ];
    for (len, sent, line, file, end) in table {
        let mut frame = Frame::new(*len);
        assert!(!frame.advance(*sent, true));
        let rest = frame.rest(true);
        let what = format!("{sent} bytes of a frame of {len}");
        assert_eq!(rest.line.as_slice(), line.as_bytes(), "{what}");
        assert_eq!(rest.file, *file, "{what}");
        assert_eq!(rest.end, end.as_bytes(), "{what}");
        assert_eq!(frame.file_len(), *len);
    }
    assert_eq!(LAST, b"0\r\n\r\n");
    assert!(format!("{CHUNK_MAX:x}\r\n").len() <= LINE_MAX);
    // Eight bytes of an idle tail.
    assert_eq!(size_of::<Option<Frame>>(), 8);
}

#[test]
#[should_panic(expected = "a frame is not empty")]
fn an_empty_frame_would_be_the_last_chunk() {
    let _ = Frame::new(0);
}

#[test]
#[should_panic(expected = "a frame of 16777216 bytes")]
fn a_frame_has_six_digits() {
    let _ = Frame::new(1 << 24);
}

#[test]
#[should_panic(expected = "7 bytes sent of a frame of 6")]
fn no_more_is_sent_than_is_there() {
    let _ = Frame::new(1).advance(7, true);
}

#[test]
#[should_panic(expected = "2 bytes sent of a frame of 1")]
fn no_more_is_sent_than_is_there_without_chunks() {
    let _ = Frame::new(1).advance(2, false);
}

#[test]
fn bytes_in_memory_are_enclosed() {
    use openrange::http::chunked::enclose;
    for (bytes, expected) in [
        (&b"a"[..], &b"1\r\na\r\n"[..]),
        (b"0123456789abcdef", b"10\r\n0123456789abcdef\r\n"),
        (b"\r\n", b"2\r\n\r\n\r\n"),
    ] {
        assert_eq!(enclose(bytes), expected);
    }
    assert!(enclose(&vec![b'x'; 0xabcde]).starts_with(b"abcde\r\nx"));
    assert!(
        std::panic::catch_unwind(|| enclose(b"")).is_err(),
        "the last chunk"
    );
}
