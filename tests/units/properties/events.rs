//! What holds for the events of every file. The input is a line of numbers, which are the lengths of the reads and, if the
//! first is odd, say that nothing will be added, and then the bytes of the file. An `L` in the bytes stands for very much
//! of what comes next.

use super::oracle::events as oracle;
use openrange::http::conditional::ETag;
use openrange::http::position::{Check, Position};
use openrange::http::sse::{Source, encode};
use openrange::limits::{EVENT_BUFFER, EVENT_LINE_MAX, EVENT_READ};

/// Bytes of the longest file: more than are read at once and than events are held of, so that each of them ends in the
/// middle, and the pieces of a line go on behind it. A longer file does the same again.
const FILE_MAX: usize = 6 * EVENT_LINE_MAX;

/// Line ends that an `L` stands for: each is an event of at least 40 bytes, so that they fill the buffer.
const ENDS: usize = EVENT_BUFFER / 40 + 1;

pub fn events(input: &[u8]) {
    let feed = input.iter().position(|&byte| byte == b'\n');
    let (line, rest) = input.split_at(feed.unwrap_or(input.len()));
    let steps: Vec<u64> = line.iter().map(|&byte| u64::from(byte)).collect();
    let complete = steps.first().is_some_and(|first| first % 2 == 1);
    let mut bytes = Vec::new();
    for (at, &byte) in rest.iter().enumerate().skip(1) {
        match rest[at - 1] {
            b'L' => {
                let ends = matches!(byte, b'\r' | b'\n');
                let run = if ends { ENDS } else { EVENT_LINE_MAX - 9 };
                bytes.resize(bytes.len() + run, byte);
            }
            _ if byte != b'L' => bytes.push(byte),
            _ => {}
        }
    }
    bytes.truncate(FILE_MAX);
    let once = read(&bytes, &[], complete);
    let pieces = read(&bytes, &steps, complete);
    same(&once, &pieces, "how the bytes come makes a difference");
    let expected = oracle::events(&bytes, complete, EVENT_LINE_MAX);
    // Where exactly a piece ends that is no text is nobody's business, as long as nothing is lost.
    if str::from_utf8(&bytes).is_ok() {
        same(&once, &expected, "not what the oracle says");
    } else {
        let ends = |events: &[oracle::Event]| -> Vec<u64> {
            events
                .iter()
                .filter(|event| event.1)
                .map(|event| event.0)
                .collect()
        };
        assert_eq!(ends(&once), ends(&expected));
    }
    resumes(&bytes, complete, &once);
}

/// Who begins behind an event gets the events behind it.
fn resumes(bytes: &[u8], complete: bool, all: &[oracle::Event]) {
    for at in [0, all.len() / 2, all.len().saturating_sub(1)] {
        if let Some((offset, ..)) = all.get(at) {
            let mut rest = read(&bytes[*offset as usize..], &[], complete);
            rest.iter_mut().for_each(|event| event.0 += offset);
            same(&rest, &all[at + 1..], "resumed");
        }
    }
}

/// Without the whole of long events in the message.
fn same(left: &[oracle::Event], right: &[oracle::Event], what: &str) {
    let differs = left.iter().zip(right).find(|(left, right)| left != right);
    let brief = |event: &oracle::Event| (event.0, event.1, event.2.len());
    let differs = differs.map(|(left, right)| (brief(left), brief(right)));
    assert!(differs.is_none(), "{what}: {differs:?}");
    assert_eq!(left.len(), right.len(), "{what}");
}

/// Reads a file that grows by these steps, then by what is left, as an event stream does.
fn read(bytes: &[u8], steps: &[u64], complete: bool) -> Vec<oracle::Event> {
    let mut events = Vec::new();
    let mut at = 0;
    let grown = steps.iter().scan(0, |size, step| {
        *size += step * step;
        Some(*size)
    });
    for size in grown.chain([u64::MAX]) {
        let size = size.min(bytes.len() as u64);
        let last = complete && size == bytes.len() as u64;
        while at < size {
            let end = size.min(at + EVENT_READ);
            let mut out = Vec::new();
            let from = Position::new(ETag(7), at);
            let before = at.min(64);
            let read = &bytes[(at - before) as usize..end as usize];
            let last = last && end == size;
            let before = before as usize;
            let taken = encode(Source::default(), from, read, before, last, &mut out);
            assert!(
                out.len() < EVENT_BUFFER + 7 * EVENT_LINE_MAX + 100,
                "{} bytes of events",
                out.len()
            );
            let before = events.len();
            parse(&out, bytes, &mut events);
            at += taken.bytes as u64;
            let reached = events[before..].last().map(|event| event.0);
            assert!(reached.is_none_or(|reached| reached == at));
            if taken.all && end == size {
                break;
            }
            assert!(taken.bytes > 0, "no way on");
        }
        assert!(!last || at == size, "not all of a complete file");
    }
    events
}

/// As a browser reads them (HTML, section 9.2.6).
fn parse(stream: &[u8], bytes: &[u8], events: &mut Vec<oracle::Event>) {
    let text = str::from_utf8(stream).expect("UTF-8");
    let (mut id, mut kind, mut data) = (None, "", None::<String>);
    for line in text.lines() {
        assert!(!line.contains('\r'), "a CR ends a line too");
        match line.split_once(": ") {
            Some(("id", value)) => id = Some(value),
            Some(("event", value)) => kind = value,
            Some(("data", value)) => match &mut data {
                None => data = Some(value.to_owned()),
                Some(data) => *data = format!("{data}\n{value}"),
            },
            Some(_) => panic!("{line}"),
            None => {
                assert_eq!(line, "");
                let position = Position::parse(id.expect("an id").as_bytes()).expect("ours");
                assert_eq!(position.etag, ETag(7));
                let check = Check::of(&bytes[..position.offset as usize]);
                assert_eq!(position.check, Some(check));
                assert!(matches!(kind, "" | "part"));
                events.push((position.offset, kind.is_empty(), data.take().expect("data")));
                (id, kind) = (None, "");
            }
        }
    }
    assert!(data.is_none() && text.is_empty() | text.ends_with("\n\n"));
}
