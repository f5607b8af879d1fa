//! What was seen of a name, in whatever order it is learnt, and whether it outlives the server.

use std::cell::Cell;

use openrange::http::conditional::ETag;
use openrange::limits::SEEN_LINE_MAX;
use openrange::store::generations::fact::{Fact, Holder};
use openrange::store::generations::history::History;
use openrange::store::generations::order::Modified;

const NAME: &[u8] = b"log";

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// Each time it is later.
fn clock() -> Modified {
    NOW.set(NOW.get() + 1);
    (NOW.get(), 5)
}

fn holder(file: u64) -> Holder {
    Holder {
        etag: ETag(file),
        inode: file,
        size: 10,
    }
}

/// The files in order; negative: something may have come before it.
fn line(history: &History) -> Vec<i64> {
    let seen = history.seen(NAME, [].into_iter());
    let signed = seen.line.iter().map(|file| {
        let tag = i64::try_from(file.etag.0).expect("small");
        if file.direct { tag } else { -tag }
    });
    signed.collect()
}

enum Learnt {
    Found(u64),
    Rolled(u64, u64),
}

#[test]
fn what_is_learnt_late_stands_where_it_belongs() {
    use Learnt::{Found, Rolled};
    let rows: &[(&[Learnt], &[i64])] = &[
        (&[Found(1), Rolled(1, 2), Rolled(2, 3)], &[-1, 2, 3]),
        (&[Found(2), Rolled(1, 2)], &[-1, 2]),
        // Events of rolls are understood after the file that came last was found.
        (
            &[
                Found(9),
                Found(2),
                Found(3),
                Found(1),
                Rolled(1, 2),
                Rolled(2, 3),
                Rolled(3, 4),
            ],
            &[-9, -1, 2, 3, 4],
        ),
        // Those that belong together stay together.
        (
            &[
                Found(5),
                Rolled(1, 2),
                Rolled(2, 3),
                Found(6),
                Rolled(3, 4),
                Rolled(4, 5),
            ],
            &[-1, 2, 3, 4, 5, -6],
        ),
        // What came after the first one is known, and it is another file.
        (&[Rolled(1, 2), Rolled(1, 3)], &[-1, 2]),
        (&[Found(1), Found(3), Rolled(1, 2)], &[-1, 2, -3]),
        // A file has the name again.
        (&[Rolled(1, 2), Rolled(2, 1)], &[-1, 2, 1]),
    ];
    for (number, (learnt, expected)) in rows.iter().enumerate() {
        let history = History::new(clock);
        for it in *learnt {
            match *it {
                Found(file) => history.note_holder(NAME, holder(file)),
                Rolled(from, to) => history.note_roll(NAME, holder(from), holder(to)),
            }
        }
        assert_eq!(line(&history), *expected, "row {number}");
    }
}

#[test]
fn a_line_is_bounded() {
    let history = History::new(clock);
    let files = 3 * SEEN_LINE_MAX as u64;
    history.note_holder(NAME, holder(files));
    for file in (1..files).rev() {
        history.note_roll(NAME, holder(file), holder(file + 1));
    }
    assert!(line(&history).len() <= SEEN_LINE_MAX);
}

/// Also when each file was found: whatever was last written before that is older.
#[test]
fn what_was_seen_outlives_the_server() {
    let history = History::new(clock);
    history.note_holder(NAME, holder(1));
    history.note_roll(NAME, holder(1), holder(2));
    history.note_roll(NAME, holder(2), holder(3));
    let again = History::new(clock);
    for fact in history.facts() {
        let text = fact.to_string();
        assert_eq!(Fact::parse(&text), Some(fact), "{text}");
        again.restore(&Fact::parse(&text).expect("a fact"));
    }
    let seen = |history: &History| history.seen(NAME, [].into_iter());
    assert_eq!(seen(&again), seen(&history));
    assert_eq!(seen(&again).line.len(), 3);
    for wrong in [
        "roll log 0000000000000001 1 10 5.000000005 0000000000000002 2 10",
        "roll log 0000000000000001 1 10 5 0000000000000002 2 10 6.000000005",
        "roll log 0000000000000001 1 10 5.5 0000000000000002 2 10 6.000000005",
    ] {
        assert_eq!(Fact::parse(wrong), None, "{wrong}");
    }
}
