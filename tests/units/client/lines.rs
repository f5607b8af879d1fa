//! Lines that wait for a command, in batches.

use std::time::Duration;

use openrange::client::lines::{Batching, Flush, Lines};
use openrange::limits::CLIENT_LINE_MAX;
use openrange::time::Moment;

fn lines(bytes: usize) -> Lines {
    Lines::new(Batching {
        bytes,
        linger: Duration::from_millis(50),
    })
}

#[test]
fn room() {
    let mut waiting = lines(10);
    assert_eq!(waiting.room(), CLIENT_LINE_MAX);
    waiting.add(b"half a line, longer than a batch", Moment(0));
    assert_eq!(waiting.room(), CLIENT_LINE_MAX - 32);
    waiting.add(&vec![b'x'; CLIENT_LINE_MAX - 33], Moment(0));
    assert_eq!(waiting.room(), 1);
    waiting.add(b"x", Moment(0));
    assert_eq!(waiting.room(), 0, "as long as a line may be");
    let mut waiting = lines(10);
    waiting.add(b"12345678\n", Moment(0));
    assert_eq!(waiting.room(), CLIENT_LINE_MAX - 9, "a batch has room");
    waiting.add(b"\n", Moment(0));
    assert_eq!(waiting.room(), 0, "a batch is full");
}

#[test]
fn batches() {
    use Flush::{All, Lines as Whole, No};
    // Limit, bytes, what must go, time since they came; how many of them are a batch then.
    let table: &[(usize, &[u8], Flush, u64, usize)] = &[
        (10, b"", No, 99, 0),
        (10, b"", All, 99, 0),
        (10, b"a\nb", No, 49, 0),
        (10, b"a\nb", No, 50, 2),
        (10, b"a\nb", Whole, 0, 2),
        (10, b"a\nb", All, 0, 3),
        (10, b"ab", No, 99, 0),
        (10, b"ab", Whole, 99, 0),
        (10, b"ab", All, 0, 2),
        (4, b"a\nb\nc", No, 0, 4),
        (4, b"a\nb\nc", All, 0, 4),
        (4, b"a\nb\nc\nd", No, 0, 4),
        (3, b"a\nb\nc\nd", No, 0, 2),
        (2, b"abc\nd\n", No, 0, 4),
        (2, b"abc\nd", All, 0, 4),
    ];
    for &(limit, bytes, flush, passed, expected) in table {
        let mut waiting = lines(limit);
        waiting.add(bytes, Moment(1000));
        waiting.flush = flush;
        let batch = waiting.batch(Moment(1000 + passed));
        assert_eq!(
            batch,
            expected,
            "{limit} {:?} {flush:?} {passed}",
            bytes.escape_ascii().to_string()
        );
    }
    let mut endless = lines(4);
    endless.add(&vec![b'x'; CLIENT_LINE_MAX], Moment(0));
    assert_eq!(
        endless.batch(Moment(0)),
        CLIENT_LINE_MAX,
        "nothing more has room"
    );
}

#[test]
fn deadlines() {
    let mut waiting = lines(10);
    assert_eq!(waiting.deadline(), Moment::NEVER);
    waiting.add(b"half", Moment(1000));
    assert_eq!(waiting.deadline(), Moment::NEVER, "no whole line");
    waiting.add(b"\na\n", Moment(1010));
    assert_eq!(waiting.deadline(), Moment(1060));
    waiting.add(b"b\nc", Moment(1020));
    assert_eq!(waiting.deadline(), Moment(1060), "of the first line");
    waiting.remove(7, Moment(1100));
    assert_eq!(waiting.deadline(), Moment(1150), "of what is left");
    waiting.remove(2, Moment(1100));
    assert_eq!(
        (waiting.bytes(), waiting.deadline()),
        (&b"c"[..], Moment::NEVER)
    );
    waiting.remove(1, Moment(1100));
    assert_eq!(waiting.deadline(), Moment::NEVER);
}
