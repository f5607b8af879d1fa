//! Logs that are in doubt.

use openrange::client::mirror::doubts::Doubts;
use openrange::limits::{MIRROR_DOUBT, MIRROR_LISTS_AGAIN};
use openrange::sorted::SortedSet;
use openrange::time::Moment;

fn logs(names: &[&str]) -> SortedSet<Box<[u8]>> {
    names.iter().map(|name| name.as_bytes().into()).collect()
}

/// One that has just come into doubt is not believed because another one has been in doubt for long.
#[test]
fn each_log_has_a_time_of_its_own() {
    let mut doubts = Doubts::default();
    let (begin, end) = (Moment(1000), Moment(1000) + MIRROR_DOUBT);
    doubts.set(&logs(&["a", "b"]), begin);
    for _ in 0..MIRROR_LISTS_AGAIN {
        doubts.take_list(begin);
        assert!(!doubts.are_over(b"a"), "not yet");
        doubts.set(&logs(&["a"]), begin);
    }
    doubts.set(&logs(&["a", "b"]), end);
    doubts.take_list(end);
    assert!(doubts.are_over(b"a") && !doubts.are_over(b"b"));
    // As long as this list is the latest one.
    doubts.set(&logs(&["b"]), end);
    assert!(doubts.are_over(b"a") && doubts.any());
    doubts.take_list(end);
    assert!(!doubts.are_over(b"a"));
    doubts.set(&logs(&[]), end);
    assert!(!doubts.any());
}

/// A list that takes long is not believed alone.
#[test]
fn some_lists_must_have_come() {
    let mut doubts = Doubts::default();
    doubts.set(&logs(&["a"]), Moment(0));
    let late = Moment(0) + MIRROR_DOUBT * 2;
    for _ in 1..MIRROR_LISTS_AGAIN {
        doubts.take_list(late);
        assert!(!doubts.are_over(b"a"));
    }
    doubts.take_list(late);
    assert!(doubts.are_over(b"a"));
}
