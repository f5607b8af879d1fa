//! The list of a directory that comes in pages.

use openrange::client::mirror::catalog::Catalog;
use openrange::client::mirror::listing::{Page, directory};
use openrange::client::mirror::pages::{Cut, Pages, Turned};
use openrange::limits::{MIRROR_LISTS_AGAIN, MIRROR_LISTS_MAX, MIRROR_QUERY_MAX};
use openrange::time::Moment;

const NOW: Moment = Moment(1000);

/// A page with files of these names, which says where the next one is.
fn page(names: &[&str], next: Option<&str>) -> Page {
    let entry = |name: &&str| {
        let etag = name.bytes().map(u64::from).sum::<u64>();
        format!(
            "{{\"kind\":\"file\",\"path\":\"{name}\",\"etag\":\"W/\\\"{etag:016x}\\\"\",\"size\":5}}"
        )
    };
    let entries: Vec<String> = names.iter().map(entry).collect();
    let (entries, truncated) = (entries.join(","), next.is_some());
    let next = next.map_or_else(String::new, |next| format!("\"next\":\"{next}\","));
    let text = format!("{{\"truncated\":{truncated},{next}\"entries\":[{entries}]}}");
    directory(text.as_bytes()).expect("a page")
}

fn add(pages: &mut Pages, page: Page) -> Turned {
    pages.add(page, 100, MIRROR_LISTS_MAX)
}

fn names(pages: Pages) -> Vec<String> {
    let files = pages.into_listing().files.into_iter();
    files
        .map(|file| String::from_utf8_lossy(&file.name).into_owned())
        .collect()
}

#[test]
fn each_leads_to_the_next() {
    let mut pages = Pages::new(NOW);
    assert_eq!(pages.query(), "");
    assert_eq!(
        add(&mut pages, page(&["a", "b"], Some("?after=b"))),
        Turned::More
    );
    assert_eq!(pages.query(), "?after=b");
    // Of a page with links that lead nowhere, nothing is left.
    assert_eq!(add(&mut pages, page(&[], Some("?after=c"))), Turned::More);
    assert_eq!(
        add(&mut pages, page(&["d%2fx", "d0"], Some("?after=d0"))),
        Turned::More
    );
    assert_eq!(pages.query(), "?after=d0");
    assert_eq!(add(&mut pages, page(&["e"], None)), Turned::Over(None));
    let listing = pages.clone().into_listing();
    assert!(!listing.partial);
    assert_eq!((pages.count, pages.bytes, pages.begun), (4, 400, NOW));
    assert_eq!(names(pages), ["a", "b", "d/x", "d0", "e"]);
}

#[test]
fn pages_that_lead_elsewhere_or_in_circles_end_the_list() {
    let long = format!("?{}", "x".repeat(MIRROR_QUERY_MAX));
    let fits = format!("?{}", "x".repeat(MIRROR_QUERY_MAX - 1));
    for (next, expected) in [
        (fits.as_str(), Turned::More),
        (&long, Turned::Over(Some(Cut::Astray))),
        ("", Turned::Over(Some(Cut::Astray))),
        ("/other/?after=a", Turned::Over(Some(Cut::Astray))),
        ("//host/?after=a", Turned::Over(Some(Cut::Astray))),
        ("http://host/", Turned::Over(Some(Cut::Astray))),
        ("?after=a b", Turned::Over(Some(Cut::Astray))),
        ("?after=a\\r\\nX: y", Turned::Over(Some(Cut::Astray))),
        ("?after=\u{e4}", Turned::Over(Some(Cut::Astray))),
        ("?after=a#b", Turned::Over(Some(Cut::Astray))),
    ] {
        let mut pages = Pages::new(NOW);
        assert_eq!(
            add(&mut pages, page(&["a"], Some(next))),
            expected,
            "{next}"
        );
        let is_cut = expected != Turned::More;
        assert_eq!(pages.clone().into_listing().partial, is_cut);
        assert_eq!(names(pages), ["a"], "what is here stays");
    }
    for again in [
        page(&["a"], Some("?after=c")),
        page(&["b"], None),
        page(&["a", "c"], None),
        page(&[], Some("?after=b")),
    ] {
        let mut pages = Pages::new(NOW);
        add(&mut pages, page(&["a", "b"], Some("?after=b")));
        assert_eq!(add(&mut pages, again), Turned::Over(Some(Cut::Astray)));
        assert_eq!(names(pages), ["a", "b"]);
    }
}

#[test]
fn what_all_lists_hold_is_bounded() {
    let mut pages = Pages::new(NOW);
    assert_eq!(pages.add(page(&["a"], Some("?b")), 100, 100), Turned::More);
    let over = pages.add(page(&["b"], None), 101, 100);
    assert_eq!(over, Turned::Over(Some(Cut::Full)));
    assert_eq!(names(pages), ["a"]);
    let mut catalog = Catalog::new(false);
    let half = MIRROR_LISTS_MAX / 2;
    for _ in 0..3 {
        // The list that is here does not count beside the one that takes its place.
        catalog.mark(b"");
        assert_eq!(catalog.begin(b"", NOW), "");
        assert_eq!(catalog.page(b"", page(&["a"], Some("?b")), half), None);
        assert_eq!(catalog.begin(b"", NOW), "?b");
        assert!(catalog.page(b"", page(&["b"], None), half).is_some());
        assert_eq!(catalog.cuts().count(), 0);
    }
    catalog.mark(b"");
    catalog.begin(b"", NOW);
    assert_eq!(catalog.page(b"", page(&["a"], Some("?b")), half), None);
    catalog.begin(b"", NOW);
    assert!(catalog.page(b"", page(&["b"], None), half + 1).is_some());
    let cuts: Vec<_> = catalog.cuts().collect();
    assert_eq!(cuts, [(&b""[..], Cut::Full)]);
    assert!(catalog.union().partial);
}

#[test]
fn what_changes_between_two_pages_needs_another_list() {
    let mut catalog = Catalog::new(false);
    catalog.begin(b"", NOW);
    assert_eq!(catalog.page(b"", page(&["a"], Some("?b")), 100), None);
    assert!(!catalog.is_whole());
    assert_eq!(catalog.next(NOW), Some(&b""[..]));
    catalog.mark(b"");
    assert_eq!(
        catalog.begin(b"", NOW + std::time::Duration::from_millis(5)),
        "?b"
    );
    assert!(!catalog.is_listed_after(NOW, true), "it is under way");
    assert_eq!(catalog.page(b"", page(&["b"], None), 100), Some(true));
    assert!(catalog.has_pages());
    // It shows what was when its first page was requested.
    assert!(catalog.is_listed_after(Moment(NOW.0 - 1), false));
    assert!(!catalog.is_listed_after(NOW, false));
    assert_eq!(catalog.next(NOW), Some(&b""[..]));
    // Not at once: it took 5 ms.
    catalog.rest(b"", NOW + std::time::Duration::from_millis(5), 4);
    assert_eq!(
        catalog.next(NOW + std::time::Duration::from_millis(24)),
        None
    );
    let due = NOW + std::time::Duration::from_millis(25);
    assert_eq!(catalog.deadline(), Some(due));
    assert_eq!(catalog.begin(b"", due), "", "from the beginning");
}

#[test]
fn pages_that_are_here_stay_when_one_fails() {
    let mut catalog = Catalog::new(true);
    catalog.begin(b"", NOW);
    assert_eq!(catalog.page(b"", page(&["a"], Some("?b")), 100), None);
    catalog.begin(b"", NOW);
    catalog.again(false);
    assert_eq!(catalog.begin(b"", NOW), "?b");
    catalog.failed(b"", NOW);
    assert_eq!(catalog.next(NOW), None, "after a pause");
    let due = catalog.deadline().expect("it is requested again");
    assert_eq!(catalog.begin(b"", due), "?b");
    catalog.again(true);
    assert_eq!(catalog.next(due), Some(&b""[..]));
    assert_eq!(catalog.begin(b"", due), "");
    catalog.closed(b"");
    assert_eq!(catalog.next(due), None);
}

#[test]
fn lists_are_compared_where_no_stream_tells() {
    let mut catalog = Catalog::new(false);
    let mut list = |names: [&str; 2]| {
        catalog.mark(b"");
        catalog.begin(b"", NOW);
        catalog.page(b"", page(&names[..1], Some("?b")), 100);
        catalog.begin(b"", NOW);
        catalog.page(b"", page(&names[1..], None), 100);
        catalog.list_again(b"");
        catalog.next(NOW).is_some()
    };
    assert!(list(["a", "c"]));
    assert!(!list(["a", "c"]));
    for round in 1..MIRROR_LISTS_AGAIN {
        let name = format!("c{round}");
        assert!(list(["a", &name]), "{round}");
    }
    assert!(!list(["a", "d"]), "names change all the time");
}

#[test]
fn streams_that_do_not_tell_of_everything() {
    let mut catalog = Catalog::new(false);
    catalog.begin(b"", NOW);
    catalog.page(b"", page(&["a"], None), 100);
    let later = NOW + std::time::Duration::from_secs(1);
    assert!(!catalog.has_untold() && catalog.is_listed_after(later, true));
    catalog.mark_untold(later);
    assert_eq!(catalog.next(later), None);
    catalog.told(b"", false);
    assert!(catalog.has_untold() && !catalog.is_listed_after(later, true));
    catalog.mark_untold(later);
    assert_eq!(catalog.next(later), Some(&b""[..]));
    // A list that is under way tells as well, and one that took long is not requested again for some time.
    catalog.begin(b"", later);
    catalog.mark_untold(later);
    assert_eq!(catalog.page(b"", page(&["a"], Some("?b")), 100), None);
    catalog.begin(b"", later);
    catalog.page(b"", page(&["b"], None), 100);
    let end = later + std::time::Duration::from_secs(1);
    catalog.rest(b"", end, 4);
    catalog.mark_untold(end);
    assert_eq!(catalog.deadline(), None);
    let rested = end + std::time::Duration::from_secs(4);
    catalog.mark_untold(rested);
    assert_eq!(catalog.next(rested), Some(&b""[..]));
    catalog.told(b"", true);
    assert!(!catalog.has_untold());
}
