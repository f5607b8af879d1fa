//! `http::sse` against tables, and with random files read in random steps against a simple oracle.

use crate::properties::events as check;
use crate::support::random::Random;
use openrange::http::conditional::ETag;
use openrange::http::position::{Check, Position};
use openrange::http::sse::{
    Source, Taken, encode, write_full, write_place, write_roll, write_truncate,
};
use openrange::limits::EVENT_LINE_MAX;

const FROM: Position = Position {
    etag: ETag(0xab),
    offset: 1000,
    check: None,
};

fn encoded(bytes: &[u8], last: bool) -> (String, Taken) {
    let mut out = Vec::new();
    let taken = encode(Source::default(), FROM, bytes, 0, last, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let without_check = |line: &str| match line.strip_prefix("id: 00000000000000ab-") {
        Some(rest) => format!("#{}\n", rest.split_once('-').expect("a check").0),
        None => format!("{line}\n"),
    };
    (text.lines().map(without_check).collect(), taken)
}

/// The id of each event has the check of the bytes before its end, wherever reading began.
#[test]
fn checks() {
    let bytes: Vec<u8> = (0..200)
        .flat_map(|i| format!("line {i}\r\n").into_bytes())
        .collect();
    let feeds = (0..bytes.len()).filter(|&at| bytes[at] == b'\n');
    for start in feeds.map(|feed| feed + 1) {
        let before = start.min(64);
        let from = Position::new(ETag(1), start as u64);
        let mut out = Vec::new();
        let held = &bytes[start - before..];
        encode(Source::default(), from, held, before, false, &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        for id in ids {
            let position = Position::parse(id.as_bytes()).expect("a position");
            let expected = Check::of(&bytes[..position.offset as usize]);
            assert_eq!(position.check, Some(expected), "{id} from {start}");
        }
    }
}

#[test]
fn lines() {
    // What is read, what becomes of it, bytes of it that are in events.
    let table: &[(&[u8], &str, usize)] = &[
        (b"", "", 0),
        (b"a", "", 0),
        (b"a\n", "#1002\ndata: a\n\n", 2),
        (b"a\nb", "#1002\ndata: a\n\n", 2),
        (b"\n\n", "#1001\ndata: \n\n#1002\ndata: \n\n", 2),
        (b"a\r\n", "#1003\ndata: a\n\n", 3),
        (b"a\r", "", 0),
        (b"\r\n", "#1002\ndata: \n\n", 2),
        (b"a\r\r\n", "#1004\ndata: a\ndata: \n\n", 4),
        (b"a\rb\n", "#1004\ndata: a\ndata: b\n\n", 4),
        (b"\ra\n", "#1003\ndata: \ndata: a\n\n", 3),
        (b" a \n", "#1004\ndata:  a \n\n", 4),
        (b": a\n", "#1004\ndata: : a\n\n", 4),
        (b"id: 1\n", "#1006\ndata: id: 1\n\n", 6),
        ("ä€😀\n".as_bytes(), "#1010\ndata: ä€😀\n\n", 10),
        (b"a\0b\n", "#1004\ndata: a\0b\n\n", 4),
        (b"a\xffb\n", "#1004\ndata: a\u{fffd}b\n\n", 4),
        (b"\xe2\x82\n", "#1003\ndata: \u{fffd}\n\n", 3),
        (
            b"\xe2\r\x82\n",
            "#1004\ndata: \u{fffd}\ndata: \u{fffd}\n\n",
            4,
        ),
    ];
    for (bytes, expected, count) in table {
        let what = bytes.escape_ascii();
        let (text, taken) = encoded(bytes, false);
        assert_eq!((&*text, taken.bytes), (*expected, *count), "{what}");
        assert!(taken.all, "{what}");
    }
}

#[test]
fn the_last_line_without_an_end_is_a_part() {
    let table: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"a\n", "#1002\ndata: a\n\n"),
        (b"a\nb", "#1002\ndata: a\n\n#1003\nevent: part\ndata: b\n\n"),
        (b"b\r", "#1002\nevent: part\ndata: b\ndata: \n\n"),
        (b"\xe2\x82", "#1002\nevent: part\ndata: \u{fffd}\n\n"),
    ];
    for (bytes, expected) in table {
        let (text, taken) = encoded(bytes, true);
        assert_eq!((&*text, taken.bytes), (*expected, bytes.len()));
    }
}

#[test]
fn long_lines_are_cut() {
    const MAX: usize = EVENT_LINE_MAX;
    // A line's end behind so many bytes, and the lengths of its pieces.
    let table: &[(&[u8], usize, &[usize])] = &[
        (b"\n", MAX, &[MAX + 1]),
        (b"\r\n", MAX - 1, &[MAX + 1]),
        (b"\n", MAX + 1, &[MAX, 2]),
        (b"\r\n", MAX, &[MAX, 2]),
        (b"\r\n", MAX - 1 + MAX, &[MAX, MAX + 1]),
        (b"\rb\n", MAX - 1, &[MAX - 1, 3]),
        ("ä\n".as_bytes(), MAX - 1, &[MAX - 1, 3]),
        ("ä\n".as_bytes(), MAX - 2, &[MAX + 1]),
        ("€\n".as_bytes(), MAX - 2, &[MAX - 2, 4]),
        ("😀\n".as_bytes(), MAX - 3, &[MAX - 3, 5]),
        ("😀\n".as_bytes(), MAX - 1, &[MAX - 1, 5]),
        // No character has so many.
        (b"\x80\x80\x80\x80\n", MAX - 2, &[MAX, 3]),
    ];
    for (end, before, lengths) in table {
        let bytes = [&vec![b'x'; *before], *end].concat();
        let (mut at, mut rest) = (0, lengths.iter());
        while at < bytes.len() {
            let mut out = Vec::new();
            let from = Position {
                offset: at as u64,
                ..FROM
            };
            encode(Source::default(), from, &bytes[at..], 0, false, &mut out);
            let text = String::from_utf8(out).expect("UTF-8");
            for event in text.split("\n\n").filter(|event| !event.is_empty()) {
                let id = event.lines().next().and_then(|line| line.split('-').nth(1));
                let offset: usize = id.expect("an id").parse().expect("an offset");
                let what = end.escape_ascii();
                assert_eq!(Some(&(offset - at)), rest.next(), "{what} behind {before}");
                assert_eq!(
                    event.contains("event: part"),
                    offset < bytes.len(),
                    "{what}"
                );
                at = offset;
            }
        }
        assert_eq!(rest.next(), None);
    }
}

/// In a stream of several files the type tells of which one an event is, and the id has the places of all.
#[test]
fn events_of_one_of_several_files() {
    let source = Source {
        name: "a%20b.log",
        before: "-,",
        behind: ",00000000000000cd-7",
    };
    let id = |offset: u32| format!("id: -,00000000000000ab-{offset},00000000000000cd-7\n");
    let read = |offset: u32, bytes: &[u8]| {
        let place = format!("{offset}-{}", Check::of(bytes));
        format!("id: -,00000000000000ab-{place},00000000000000cd-7\n")
    };
    let mut out = Vec::new();
    encode(source, FROM, b"1\n2", 0, true, &mut out);
    write_place(&mut out, source, FROM);
    write_roll(&mut out, source, "missing", None, false);
    write_roll(&mut out, source, "created", Some(FROM), false);
    write_roll(&mut out, source, "renamed", Some(FROM), true);
    write_truncate(&mut out, source, FROM.etag);
    let names: [&[u8]; 2] = [b"a b", b"open"];
    write_full(&mut out, 32, 2, names.into_iter());
    let tag = "\"etag\":\"W/\\\"00000000000000ab\\\"\"";
    let expected = [
        read(1002, b"1\n") + "event: a%20b.log\ndata: 1\n\n",
        read(1003, b"1\n2") + "event: a%20b.log/part\ndata: 2\n\n",
        id(1000) + "\n",
        "event: a%20b.log/roll\ndata: {\"reason\":\"missing\",\"etag\":null}\n\n".to_owned(),
        format!(
            "event: a%20b.log/roll\n{}data: {{\"reason\":\"created\",{tag}}}\n\n",
            id(1000)
        ),
        format!(
            "event: a%20b.log/roll\n{}data: {{\"reason\":\"renamed\",\"gap\":true,{tag}}}\n\n",
            id(1000)
        ),
        format!("event: a%20b.log/truncate\n{}data: {{{tag}}}\n\n", id(0)),
        "event: /full\ndata: {\"followed\":32,\"left_out\":2,\"names\":[\"a%20b\",\"file:open\"]}\n\n"
            .to_owned(),
    ];
    assert_eq!(String::from_utf8(out).expect("UTF-8"), expected.concat());
}

#[test]
fn random_files() {
    const PIECES: [&str; 16] = [
        "\n", "\n", "\r", "\r\n", "a", "bc", "ä", "€", "😀", "data: ", "Lx", "L\u{e4}", "\0", " ",
        ":", "z",
    ];
    for seed in 0..1500 {
        let mut random = Random::new(seed);
        let mut input: Vec<u8> = (0..random.below(9))
            .map(|_| random.below(9) as u8 + 11)
            .collect();
        input.push(b'\n');
        input.push(b'.');
        let long = random.below(8) == 0;
        for _ in 0..random.below(40) {
            let piece = random.pick(&PIECES);
            if long || !piece.starts_with('L') {
                input.extend_from_slice(piece.as_bytes());
            }
            if random.below(30) == 0 {
                input.push(0x80 | random.below(128) as u8);
            }
        }
        println!("seed {seed}");
        check::events(&input);
    }
}
