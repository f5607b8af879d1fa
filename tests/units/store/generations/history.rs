//! What was seen of a name, in whatever order it is learnt, and whether it outlives the server.

use std::cell::Cell;

use openrange::http::conditional::ETag;
use openrange::limits::{SEEN_FILES_MAX, SEEN_LINE_MAX, SEEN_NAMES_MAX};
use openrange::store::generations::fact::{Fact, Holder};
use openrange::store::generations::history::History;
use openrange::store::generations::order::{Modified, Original};

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
        let history = learnt_in_order(learnt);
        assert_eq!(line(&history), *expected, "row {number}");
    }
}

/// Two files that are known both, with others around them.
#[test]
fn runs_that_are_found_to_belong_together() {
    use Learnt::{Found, Rolled};
    let rows: &[(&[Learnt], &[i64])] = &[
        // A run that stands behind the file that it comes before.
        (&[Found(3), Rolled(1, 2), Rolled(2, 3)], &[-1, 2, 3]),
        (
            &[Found(8), Found(3), Found(9), Rolled(1, 2), Rolled(2, 3)],
            &[-8, -1, 2, 3, -9],
        ),
        // The file that comes next has one before it already: it had the name twice.
        (&[Rolled(1, 2), Found(3), Rolled(3, 2)], &[-1, 2, -3, 2]),
        // What came between stands between: nothing moves across it.
        (&[Found(1), Found(2), Found(3), Rolled(1, 3)], &[-1, -2, -3]),
        // Said again.
        (&[Rolled(1, 2), Rolled(1, 2)], &[-1, 2]),
        // Both were found, one after the other, before anybody saw the roll.
        (&[Found(1), Found(2), Rolled(1, 2)], &[-1, 2]),
        (&[Found(1), Found(2), Found(3), Rolled(1, 2)], &[-1, 2, -3]),
        // Nothing is known of either.
        (&[Rolled(1, 2), Rolled(7, 8)], &[-1, 2, -7, 8]),
        // A new one behind one that others stand behind.
        (&[Found(1), Found(2), Rolled(1, 7)], &[-1, 7, -2]),
        (&[Rolled(1, 2), Found(3), Rolled(1, 7)], &[-1, 2, -3]),
    ];
    for (number, (learnt, expected)) in rows.iter().enumerate() {
        let history = learnt_in_order(learnt);
        assert_eq!(line(&history), *expected, "row {number}");
    }
}

fn learnt_in_order(learnt: &[Learnt]) -> History {
    let history = History::new(clock);
    for it in learnt {
        match *it {
            Learnt::Found(file) => history.note_holder(NAME, holder(file)),
            Learnt::Rolled(from, to) => history.note_roll(NAME, holder(from), holder(to)),
        }
    }
    history
}

#[test]
fn what_is_known_of_a_name_and_its_files() {
    let history = History::new(clock);
    let sized = |file, size| Holder {
        size,
        ..holder(file)
    };
    let sizes = || {
        let seen = history.seen(NAME, [].into_iter());
        seen.line.iter().map(|file| file.size).collect::<Vec<_>>()
    };
    let noted = || {
        let seen = history.seen(NAME, [].into_iter());
        seen.line.iter().map(|file| file.noted).collect::<Vec<_>>()
    };
    history.note_roll(NAME, sized(1, 10), sized(2, 20));
    let first = noted();
    assert_eq!(first[0], first[1]);
    // Files grow; nobody who has looked earlier makes one shorter.
    history.note_holder(NAME, sized(2, 25));
    history.note_holder(NAME, sized(2, 15));
    assert_eq!(sizes(), [10, 25]);
    let second = noted();
    assert!(second[0] == first[0] && second[1] > first[1]);
    history.note_roll(NAME, sized(1, 12), sized(2, 9));
    assert_eq!(sizes(), [12, 25]);
    history.note_roll(NAME, sized(1, 11), sized(2, 99));
    assert_eq!(sizes(), [12, 25]);

    for (name, file, seen, next) in [
        (NAME, 1, true, Some(2)),
        (NAME, 2, true, None),
        (NAME, 3, false, None),
        (b"other", 1, false, None),
    ] {
        assert_eq!(history.has_seen(name, ETag(file)), seen, "{file}");
        assert_eq!(history.next(name, ETag(file)), next.map(ETag), "{file}");
    }
    let mut inodes: Vec<u64> = history.inodes(NAME).into_iter().collect();
    inodes.sort_unstable();
    assert_eq!(inodes, [1, 2]);
    assert!(history.inodes(b"other").is_empty());

    let original = Original {
        etag: ETag(1),
        size: 7,
        is_final: true,
    };
    history.note_born(ETag(5));
    history.note_compressed(holder(6), original);
    let seen = history.seen(NAME, [5, 6].into_iter().map(ETag));
    assert_eq!(seen.born, [ETag(5)].into());
    assert_eq!(seen.originals, [(ETag(6), original)].into());
    let others = history.seen(NAME, [7, 8].into_iter().map(ETag));
    assert!(others.born.is_empty() && others.originals.is_empty());
    // A copy is found by its inode, for the names that its file had.
    assert_eq!(history.inodes(NAME), [1, 2, 6].into());
    for (name, file, is_copy) in [(NAME, 6, true), (NAME, 1, false), (b"other", 6, false)] {
        assert_eq!(history.has_copy(name, ETag(file)), is_copy, "{file}");
    }
}

/// Workers that know less of a file do not make the others forget.
#[test]
fn what_several_workers_know_of_an_original() {
    let history = History::new(clock);
    let (sender, written) = std::sync::mpsc::sync_channel(9);
    history.write_to(sender);
    let original = |size, is_final| Original {
        etag: ETag(1),
        size,
        is_final,
    };
    for (noted, known, is_new) in [
        ((3, true), (3, true), true),
        ((11, false), (11, false), true),
        ((3, true), (11, false), false),
        ((11, true), (11, true), true),
        ((11, false), (11, true), false),
    ] {
        history.note_compressed(holder(6), original(noted.0, noted.1));
        let seen = history.seen(NAME, std::iter::once(ETag(6)));
        assert_eq!(seen.originals[&ETag(6)], original(known.0, known.1));
        assert_eq!(written.try_recv().is_ok(), is_new, "{noted:?}");
    }
}

/// Each thing that was seen is written once, as it is known then.
#[test]
fn what_is_written() {
    let history = History::new(clock);
    let (sender, written) = std::sync::mpsc::sync_channel(9);
    history.write_to(sender);
    let original = Original {
        etag: ETag(1),
        size: 7,
        is_final: true,
    };
    for _ in 0..2 {
        history.note_holder(NAME, holder(1));
        history.note_roll(NAME, holder(1), holder(2));
        history.note_born(ETag(5));
        history.note_compressed(holder(6), original);
    }
    history.note_holder(NAME, holder(2));
    history.note_roll(NAME, holder(2), holder(3));
    let written: Vec<Fact> = written.try_iter().collect();
    let [
        Fact::Roll { name, from, to },
        Fact::Born(ETag(5)),
        Fact::Compressed {
            copy: ETag(6),
            inode: Some(6),
            original: of,
        },
        Fact::Roll { .. },
    ] = &*written
    else {
        panic!("{written:?}");
    };
    assert_eq!((&**name, *of), (NAME, original));
    assert_eq!((from.holder, to.holder), (holder(1), holder(2)));
    // Whoever restores it all knows as much, in the same order.
    let again = History::new(clock);
    for fact in &written {
        again.restore(fact);
    }
    assert_eq!(line(&again), line(&history));
    // The second file was found again before it was rolled.
    let noted = |history: &History| history.seen(NAME, [].into_iter()).line[1].noted;
    assert_eq!(noted(&again), noted(&history));
    assert_eq!(again.facts()[2..], history.facts()[2..]);
}

/// A file of which nothing is noted any more makes space for others, the first one first.
#[test]
fn memory_is_bounded() {
    let history = History::new(clock);
    let files = SEEN_FILES_MAX as u64;
    for file in 0..=files {
        history.note_born(ETag(file));
    }
    let seen = history.seen(NAME, (0..=files).map(ETag));
    assert_eq!(seen.born.len(), SEEN_FILES_MAX);
    assert!(!seen.born.contains(&ETag(0)) && seen.born.contains(&ETag(1)));

    let name = |number: usize| format!("log{number}").into_bytes();
    for number in 0..SEEN_NAMES_MAX {
        history.note_holder(&name(number), holder(1));
    }
    // All of them are kept; of these the second one was noted longest ago when another one comes.
    history.note_holder(&name(0), holder(1));
    history.note_holder(b"another", holder(1));
    for (number, kept) in [(0, true), (1, false), (2, true), (SEEN_NAMES_MAX - 1, true)] {
        assert_eq!(history.has_seen(&name(number), ETag(1)), kept, "{number}");
    }
    assert!(history.has_seen(b"another", ETag(1)));
}

/// Files take their times from a clock that ticks: what is written after a look has no time before it.
#[test]
fn the_clock_of_a_history_is_not_ahead_of_that_of_files() {
    let history = History::default();
    let dir = crate::support::directory::TempDir::in_memory();
    let time = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        dir.write(name, "");
        let stat = std::fs::metadata(dir.join(name)).expect("a file");
        (
            stat.mtime(),
            u32::try_from(stat.mtime_nsec()).expect("below 10^9"),
        )
    };
    let before = time("before");
    history.note_holder(NAME, holder(1));
    let after = time("after");
    let noted = history.seen(NAME, [].into_iter()).line[0].noted;
    assert!(noted <= after, "{noted:?} {after:?}");
    // By no more than a tick or two behind.
    let behind = before.0 - noted.0;
    assert!(behind <= 1, "{noted:?} {before:?}");
}

#[test]
fn a_line_is_bounded() {
    let history = History::new(clock);
    let files = 3 * SEEN_LINE_MAX as u64;
    history.note_holder(NAME, holder(files));
    for file in (1..files).rev() {
        history.note_roll(NAME, holder(file), holder(file + 1));
    }
    assert_eq!(line(&history).len(), SEEN_LINE_MAX);
    for file in 2..files {
        history.note_holder(NAME, holder(10 * files + file));
    }
    assert_eq!(line(&history).len(), SEEN_LINE_MAX);
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
