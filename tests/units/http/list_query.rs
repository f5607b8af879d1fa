//! Pages of the list of a directory: what their queries say, and that the next page's is understood.

use openrange::http::list_query::{ListQuery, Place, Sort};
use openrange::http::query;
use openrange::http::target::Path;

fn parsed(query: &str) -> Result<ListQuery, &'static str> {
    query::parse(format!("/d/{query}").as_bytes()).map(|query| query.list)
}

#[test]
fn what_is_written_is_read() {
    for sort in [Sort::Name, Sort::Size, Sort::Time] {
        for name in [&b"a"[..], b"a b&c=d+e%", b"\xff?#", "\u{fc}".as_bytes()] {
            for filter in [&b""[..], b"x", b"a b&+%"] {
                let query = ListQuery {
                    filter: filter.into(),
                    ..ListQuery::default()
                };
                let key = if sort == Sort::Name { 0 } else { 4711 };
                let next = query.sorted(sort).behind(&Place::new(key, name));
                assert_eq!(parsed(&next.to_string()), Ok(next.clone()), "{next}");
                let first = query.sorted(sort);
                assert_eq!(parsed(&first.to_string()), Ok(first.clone()), "{first}");
            }
        }
    }
    let next = ListQuery::default().behind(&Place::new(0, b"a/b"));
    assert_eq!(next.of(&Path::root()), "/?after=a%2Fb");
}

#[test]
fn what_means_nothing_is_refused_and_what_is_not_for_lists_is_passed_over() {
    for query in [
        "?sort=",
        "?sort=colour",
        "?sort=size&after=name",
        "?sort=size&after=x/name",
        "?sort=time&after=-1/name",
        "?sort=size&after=99999999999999999999/name",
        "?after=a&after=b",
        "?sort=size&sort=size",
        "?filter=a&filter=b",
    ] {
        assert!(parsed(query).is_err(), "{query}");
    }
    for target in ["/f?sort=colour", "/f?after=a&after=b", "/f?filter"] {
        let query = query::parse(target.as_bytes()).expect(target);
        assert_eq!(query.list, ListQuery::default());
    }
}

#[test]
fn places_are_in_order() {
    let places = [
        Place::new(u64::MAX, b"z"),
        Place::new(10, b"b"),
        Place::new(9, b"a"),
        Place::new(9, b"b"),
        Place::new(0, b""),
        Place::new(0, b"a"),
    ];
    assert!(places.is_sorted_by(|one, other| one < other));
}

#[test]
fn a_filter_is_part_of_a_name() {
    let query = |text| parsed(&format!("?filter={text}")).expect(text);
    assert!(query("").fits(b"anything"));
    assert!(query("LOG").fits(b"a.log.1"));
    assert!(query("a+b").fits(b"xa b"));
    assert!(query("a%2Bb").fits(b"a+b"));
    assert!(!query("log").fits(b"lo"));
    assert!(!query("log").fits(b""));
}
