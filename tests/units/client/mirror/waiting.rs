//! What a mirror waits for before it removes a copy or ends, and which connections it complains of.

use openrange::client::mirror::rule::Rule;
use openrange::http::etag::ETag;
use openrange::limits::{CLIENT_LOOK, MIRROR_SETTLE, MIRROR_TRAVEL};
use openrange::time::Moment;

use super::engine::{File, Mirror, NOW, named, rule, topics};

/// A tree with `x` at its top, and two directories below it with nothing and `y`.
fn tree(rule: Rule) -> Mirror {
    let mut mirror = Mirror::new(rule);
    mirror.list("", &topics(&[("x", 1, 0, "")], &["a", "b"]));
    mirror.list("a/", &topics(&[], &[]));
    mirror.list("b/", &topics(&[("y", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("b/y", 2), ("x", 1)]));
    assert!(mirror.engine.is_complete());
    mirror
}

fn removing(once: bool) -> Rule {
    Rule {
        recursive: true,
        delete: true,
        once,
        ..rule("/d/")
    }
}

/// The file may have moved to a directory that was listed before: a run that ends looks at all of them once more.
#[test]
fn a_run_that_ends_lists_everything_again_before_it_removes() {
    for moved in [false, true] {
        let mut mirror = tree(removing(true));
        mirror.now = Moment(2000);
        mirror.engine.list_soon_of(b"", mirror.now);
        assert!(!mirror.engine.is_complete(), "a list is due");
        mirror.list("", &topics(&[], &["a", "b"]));
        assert!(!mirror.engine.is_complete());
        assert_eq!(mirror.engine.list_due, mirror.now + MIRROR_SETTLE);
        mirror.now = mirror.engine.list_due;
        mirror.list("a/", &topics(&[], &[]));
        assert!(!mirror.engine.is_complete());
        assert_eq!(mirror.names(), named(&[("b/y", 2), ("x", 1)]));
        let files = [("y", 2, 0, ""), ("x", 1, 0, "")];
        let there: &[File<'_>] = if moved { &files } else { &files[..1] };
        mirror.list("b/", &topics(there, &[]));
        // Also the one that no longer has it: in its millisecond others may have been listed before.
        mirror.list("", &topics(&[], &["a", "b"]));
        let expected: &[(&str, u64)] = match moved {
            true => &[("b/x", 1), ("b/y", 2)],
            false => &[("b/y", 2)],
        };
        assert_eq!(mirror.names(), named(expected));
        assert!(mirror.engine.is_complete());
    }
}

/// Streams tell of the directories: a list is waited for only where something has happened.
#[test]
fn a_mirror_that_goes_on_removes_after_a_while() {
    let mut mirror = tree(removing(false));
    mirror.now = Moment(2000);
    mirror.engine.list_soon_of(b"", mirror.now);
    mirror.list("", &topics(&[], &["a", "b"]));
    let due = mirror.now + MIRROR_TRAVEL;
    assert_eq!(mirror.engine.list_deadline(), due);
    mirror.engine.remove_missing(Moment(due.0 - 1));
    assert_eq!(mirror.names(), named(&[("b/y", 2), ("x", 1)]));
    // What is waited for does not keep a mirror from being complete, as it never ends.
    assert!(mirror.engine.is_complete());
    // A list is under way when the time is over.
    mirror.engine.list_soon_of(b"a/", due);
    assert!(
        mirror
            .engine
            .begin_list(due)
            .is_some_and(|it| it.ends_with("/a/"))
    );
    mirror.engine.remove_missing(due);
    assert_eq!(mirror.names(), named(&[("b/y", 2), ("x", 1)]));
    assert_eq!(mirror.engine.list_deadline(), due + CLIENT_LOOK.1);
    let later = Moment(due.0 + 1);
    mirror.engine.list(200, topics(&[], &[]).as_bytes(), later);
    assert_eq!(mirror.names(), named(&[("b/y", 2)]));
    assert_eq!(mirror.engine.list_deadline(), Moment::NEVER);
}

/// Without directories below nothing travels: what is gone goes at once.
#[test]
fn of_one_directory_nothing_is_waited_for() {
    let mut mirror = Mirror::new(Rule {
        recursive: false,
        ..removing(false)
    });
    mirror.list("", &topics(&[("x", 1, 0, ""), ("y", 2, 0, "")], &[]));
    mirror.list("", &topics(&[("y", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("y", 2)]));
    assert_eq!(mirror.engine.list_deadline(), Moment::NEVER);
}

/// While a connection brings bytes of it, a file that no list names stays; then it goes.
#[test]
fn a_copy_stays_while_bytes_of_it_come() {
    let mut mirror = Mirror::new(Rule {
        recursive: false,
        ..removing(false)
    });
    mirror.list("", &topics(&[("x", 1, 3, ""), ("y", 2, 0, "")], &[]));
    mirror.engine.begun(ETag(1));
    mirror.list("", &topics(&[("y", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("x", 1), ("y", 2)]));
    assert_eq!(mirror.reports(), "");
    mirror.come(1, "ab", true);
    mirror.engine.over(ETag(1), mirror.now);
    assert_eq!(mirror.names(), named(&[("y", 2)]));
    assert_eq!(
        mirror.reports(),
        "x is gone: what it had from byte 2 on is lost; its copy goes too"
    );
}

/// A file that was truncated at the origin is shorter in a list than its copy; a connection that brings bytes knows better.
#[test]
fn a_copy_that_is_longer_than_its_file() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, "")]);
    mirror.come(1, "abcd", false);
    assert_eq!(mirror.next(&[], false), None);
    for (under_way, expected) in [(true, None), (false, Some((1, 4, Some(5))))] {
        if under_way {
            mirror.engine.begun(ETag(1));
        }
        mirror.list("", &topics(&[("a", 1, 2, "")], &[]));
        assert_eq!(mirror.next(&[], false), expected, "under way: {under_way}");
        assert_eq!(mirror.engine.is_complete(), under_way);
        mirror.engine.over(ETag(1), mirror.now);
    }
    mirror.list("", &topics(&[("a", 1, 4, "")], &[]));
    assert_eq!(mirror.next(&[], false), None);
}

/// What befalls one connection mostly befalls all: it is said once, until the server has answered.
#[test]
fn connections_that_break() {
    let files = [("a", 1, 4, ""), ("b", 2, 4, ""), ("c", 3, 4, "")];
    let mut mirror = Mirror::of("/d/", &files);
    for (answered, etag, why, said) in [
        (false, 1, "reset", "a: reset; trying again"),
        (false, 2, "reset", ""),
        (false, 1, "reset", ""),
        (false, 2, "timeout", "b: timeout; trying again"),
        (true, 1, "reset", ""),
        (false, 3, "reset", ""),
        (true, 3, "timeout", "c: timeout; trying again"),
    ] {
        if answered {
            mirror.list("", &topics(&files, &[]));
        }
        mirror.engine.cut(ETag(etag), why, mirror.now);
        assert_eq!(mirror.reports(), said, "{etag}: {why}");
        let due = mirror.engine.deadline(mirror.now);
        assert!(mirror.now < due && due < Moment::NEVER, "it waits");
    }
}

/// A file whose pause is over wakes nobody: it is under way, or nothing of it is to be asked for.
#[test]
fn what_has_waited() {
    const NOW_SEALED: &str = ",\"current\":true,\"sealed\":true";
    let mirror = || {
        let mut mirror = Mirror::new(rule("/d/log"));
        mirror.list_generations(&[("/d/log", 2, 0, NOW)]);
        mirror.engine.ended(ETag(2), "shutdown", mirror.now);
        let due = mirror.engine.deadline(mirror.now);
        assert!(mirror.now < due && due < Moment::NEVER);
        assert_eq!(mirror.next(&[], true), None, "it waits");
        mirror.now = due;
        mirror
    };
    // Its tail is up again, and no byte comes.
    let mut quiet = mirror();
    assert_eq!(quiet.next(&[], true), Some((2, 0, None)));
    quiet.engine.begun(ETag(2));
    assert_eq!(quiet.engine.deadline(quiet.now), Moment::NEVER);
    // It was sealed meanwhile.
    let mut sealed = mirror();
    sealed.list_generations(&[("/d/log", 2, 0, NOW_SEALED)]);
    assert_eq!(sealed.next(&[], true), None);
    assert_eq!(sealed.engine.deadline(sealed.now), Moment::NEVER);
    // No more tails may be opened.
    let many = mirror();
    assert_eq!(many.next(&[], false), None);
    assert_eq!(many.engine.deadline(many.now), Moment::NEVER);
}

/// An end that is none of the name's leaves the file its name.
#[test]
fn tails_of_a_file_that_break() {
    let mut mirror = Mirror::new(rule("/d/log"));
    let files = [("/d/log", 2, 3, NOW), ("/d/log.1", 1, 5, "")];
    mirror.list_generations(&files);
    for (etag, why, live) in [
        (2, "", true),
        (2, "shutdown", true),
        (2, "sealed", true),
        (1, "renamed", true),
        (2, "renamed", false),
    ] {
        mirror.engine.ended(ETag(etag), why, mirror.now);
        assert_eq!(mirror.engine.tree.live.is_some(), live, "{etag}: {why}");
    }
}

/// The rest of a generation that no list names may still come; if it does not, it is lost.
#[test]
fn a_generation_that_goes_while_bytes_of_it_come() {
    for under_way in [true, false] {
        let mut mirror = Mirror::new(rule("/d/log"));
        mirror.list_generations(&[("/d/log", 2, 3, NOW)]);
        mirror.come(2, "ab", true);
        if under_way {
            mirror.engine.begun(ETag(2));
        }
        mirror.list_generations(&[("/d/log", 5, 3, NOW)]);
        assert_eq!(mirror.engine.end.is_none(), under_way);
    }
}
