//! What a connection holds, and the ways in which it is cut for that.

use std::sync::Arc;

use openrange::connection::State;
use openrange::http::date::Date;
use openrange::http::pattern;
use openrange::limits::{COPY_MAX, EVENT_FILES_MAX};
use openrange::resource::{DirectoryPage, Resource};
use openrange::subscription::changelog::ChangeLog;
use openrange::subscription::directory::Listed;
use openrange::subscription::end::End;
use openrange::subscription::matches::Matches;

use super::groups;
use super::state::{
    after, asked, asked_for, finite, finite_then_more, fresh, half_a_head, kept_alive, linger,
    missing, tail_frame, tailing,
};
use super::{ACCEPTED, GET, Machine, NOW, action, check, name};

#[test]
#[rustfmt::skip]
fn cut_for_what_it_costs() {
    const ABORT: &str = "Closing(Abort)";
    check(&[
        ("too_slow", tail_frame, |m| m.too_slow(NOW), "Remove, abort", ABORT),
        ("revoked", tailing, |m| m.revoked(NOW), "Remove, abort", ABORT),
        ("give_way, half a head", half_a_head, |m| assert!(m.give_way(NOW)), "Remove", "Closing(Now)"),
        ("give_way, kept alive", kept_alive, |m| assert!(m.give_way(NOW)), "Remove", "Closing(Now)"),
        ("give_way, being looked up", asked, |m| assert!(!m.give_way(NOW)), "Open", "ReadingHeaders (asked)"),
        ("give_way, finite", finite, |m| assert!(m.give_way(NOW)), "Remove, abort", ABORT),
        ("give_way, a tail", tail_frame, |m| assert!(m.give_way(NOW)), "Remove, abort", ABORT),
        ("give_way, a tail that rests", tailing, |m| assert!(m.give_way(NOW)), "Remove, abort", ABORT),
        ("give_way, lingering: it holds nothing", linger, |m| assert!(!m.give_way(NOW)), "Sleep", "Closing(Linger)"),
    ]);
}

#[test]
fn the_log_says_why() {
    type Row = (&'static str, fn(&mut Machine), End);
    let rows: [Row; 3] = [
        ("too_slow", |m| m.too_slow(NOW), End::TooSlow),
        ("revoked", |m| m.revoked(NOW), End::Revoked),
        ("give_way", |m| assert!(m.give_way(NOW)), End::Crowded),
    ];
    for (what, event, end) in rows {
        let mut machine = after(tailing(), event);
        let ended = machine.take_ended().expect(what);
        assert_eq!((ended.end, ended.bytes), (end, 3), "{what}");
    }
}

#[test]
fn deadlines_count_from_the_accept() {
    assert_eq!(fresh().since(), ACCEPTED);
}

/// Bytes of the response that are not out.
fn left(machine: &Machine) -> usize {
    match machine.state() {
        State::SendingRange(sending) => sending.left() as usize,
        _ => 0,
    }
}

#[test]
fn bytes_held() {
    for (what, machine, input) in [
        ("fresh", fresh(), 0),
        ("half a head", half_a_head(), 9),
        ("a head, and nothing of the file", finite(), 0),
        (
            "the same, with half a head behind it",
            finite_then_more(),
            9,
        ),
        ("a tail that rests", tailing(), 0),
        (
            "the same, with a request behind it",
            after(tailing(), |m| m.received(GET, NOW)),
            GET.len(),
        ),
    ] {
        let held = machine.held() - left(&machine);
        let most = input.next_power_of_two() * usize::from(input > 0);
        assert!((input..=most).contains(&held), "{what}: {held}");
    }
}

/// Connections that are sent the same page share what it costs.
#[test]
fn a_page_is_held_in_equal_shares() {
    let body: Arc<[u8]> = vec![b'x'; COPY_MAX + 6000].into();
    let page = || {
        Resource::Listing(DirectoryPage {
            body: body.clone(),
            media: "text/plain",
            next: None,
        })
    };
    let list = |machine: &mut Machine| {
        let _ = machine.resolved(page(), Date::from_seconds(0));
    };
    let listing = || after(asked_for(b"GET /d/ HTTP/1.1\r\nHost: x\r\n\r\n"), list);
    let one = listing();
    assert_eq!(
        (action(&one), name(&one)),
        ("Send 200".into(), "SendingRange".into())
    );
    // The other share is that of `body`.
    assert_eq!(one.held() - left(&one), (COPY_MAX + 6000) / 2);
    let two = listing();
    assert_eq!(two.held() - left(&two), (COPY_MAX + 6000) / 3);
    drop(one);
    assert_eq!(two.held() - left(&two), (COPY_MAX + 6000) / 2);
    assert!(!two.any_file(|()| true), "a page is no file");
}

/// Event streams of the same patterns share the list of what they leave out.
#[test]
fn what_is_left_out_is_held_in_equal_shares() {
    let names: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    let names: Vec<(&str, u64)> = names.iter().map(|name| &**name).zip(1..).collect();
    let least = (names.len() - EVENT_FILES_MAX) * size_of::<Box<[u8]>>();
    let scan = |matches: &mut Matches, changelog: &ChangeLog| {
        matches.begin();
        for (name, entry) in changelog.entries() {
            matches.offer(name, entry);
        }
        matches.finish(changelog.version());
    };
    let mut matches = Matches::new(pattern::parse(b"*").expect("a pattern"));
    scan(&mut matches, &groups::changelog(2, &names));
    let listed = |matches: &Matches| {
        after(groups::state::pattern(), |m| {
            m.listed(&Listed::Files(matches), NOW);
        })
    };
    let held = |machine: &Machine| machine.held() - left(machine);
    let one = listed(&matches);
    let list = held(&one);
    assert!(list > least, "{list}");
    let two = listed(&matches);
    assert_eq!((held(&one), held(&two)), (list / 2, list / 2));
    drop(two);
    // A stream that stalls keeps the list that it knows, which may soon be its own.
    scan(&mut matches, &groups::changelog(3, &names[1..]));
    let two = listed(&matches);
    assert_eq!(held(&one), list);
    assert!((least..list).contains(&held(&two)));
    scan(&mut matches, &groups::changelog(4, &names[..1]));
    assert_eq!(held(&listed(&matches)), 0);
}

#[test]
fn files_held() {
    for (what, machine, holds) in [
        ("fresh", fresh(), false),
        ("missing", missing(), false),
        ("finite", finite(), true),
        ("a tail", tail_frame(), true),
        ("a tail that rests", tailing(), true),
        ("lingering", linger(), false),
    ] {
        assert_eq!(machine.any_file(|()| true), holds, "{what}");
        assert!(!machine.any_file(|()| false), "{what}, another file");
    }
}
