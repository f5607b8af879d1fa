//! `http::query`: what of a query counts, what is refused, and what is nobody's business.

use openrange::http::conditional::ETag;
use openrange::http::pattern;
use openrange::http::position::{Position, Positions};
use openrange::http::query::{Query, Start, parse};

#[test]
fn what_counts() {
    let position = Position::new(ETag(0x12), 34);
    let lines = |count| Some(Start::Lines(count));
    let table = [
        ("/f", None, None),
        ("/f?", None, None),
        ("/f?&&", None, None),
        ("/f?lines=0", lines(0), None),
        ("/f?lines=007", lines(7), None),
        ("/f?lines=18446744073709551615", lines(u64::MAX), None),
        ("/f?lines=99999999999999999999999999", lines(u64::MAX), None),
        ("/f?from=end", Some(Start::End), None),
        ("/f?from=end&lines=3", lines(3), None),
        ("/f?lines=3&from=end", lines(3), None),
        ("/f?last-event-id=0000000000000012-34", None, Some(position)),
        (
            "/f?lines=5&last-event-id=0000000000000012-34",
            lines(5),
            Some(position),
        ),
        ("http://host/f?lines=5", lines(5), None),
        // Others', whatever they say.
        ("/f?a=b&lines=5&c", lines(5), None),
        ("/f?xlines=a&linesx=b&Lines=c&lines%3d=d", None, None),
        ("/f?a?lines=5", None, None),
        ("/lines=5", None, None),
    ];
    for (target, start, position) in table {
        let positions = position.map(|position| Positions([Some(position.into())].into()));
        let query = Query {
            start,
            positions,
            ..Query::default()
        };
        assert_eq!(parse(target.as_bytes()), Ok(query), "{target}");
    }
}

#[test]
fn files() {
    let files = |target: &str| parse(target.as_bytes()).expect(target).files;
    assert_eq!(files("/d/"), None);
    assert_eq!(files("/d/?file=a&xfiles=b&Files=c"), None);
    for (target, list) in [
        ("/d/?files=a", "a"),
        ("/d/?files=a,b&lines=3", "a,b"),
        ("/d/?x&files=*.log%2Ca", "*.log,a"),
        ("/d/?files=a=b", "a=b"),
        ("/d/?files=a?b", "a?b"),
    ] {
        assert_eq!(files(target), pattern::parse(list.as_bytes()), "{target}");
        assert!(files(target).is_some());
    }
    let id = "0000000000000012-34,-,0000000000000056-7";
    let target = format!("/d/?last-event-id={id}&files=a,b,c");
    let query = parse(target.as_bytes()).expect("in order");
    assert_eq!(query.positions, Positions::parse(id.as_bytes()));
    assert_eq!(query.files.expect("a list").len(), 3);
}

#[test]
fn generations() {
    let parsed = |target: &str| parse(target.as_bytes());
    for (target, tag) in [
        (
            "/f?generation=0123456789abcdef",
            Some(0x0123_4567_89ab_cdef),
        ),
        ("/f?x&generation=ffffffffffffffff", Some(u64::MAX)),
        ("/f?generatio=1&Generation=2&generationss", None),
    ] {
        let query = Query {
            generation: tag.map(ETag),
            ..Query::default()
        };
        assert_eq!(parsed(target), Ok(query), "{target}");
    }
    let query = Query {
        generations: true,
        ..Query::default()
    };
    assert_eq!(parsed("/f?generations"), Ok(query));
}

#[test]
fn what_is_refused() {
    for (parameters, name) in [
        (
            &[
                "generation",
                "generation=",
                "generation=123456789abcdef",
                "generation=0123456789abcdef0",
                "generation=0123456789abcdeg",
                "generation=+123456789abcdef",
                "generation=0123456789ABCDEF",
                "generation=0123456789abcdef&generation=0123456789abcdef",
            ][..],
            "generation",
        ),
        (
            &["generations=", "generations=1", "generations&generations"][..],
            "generations",
        ),
        (
            &[
                "lines",
                "lines=",
                "lines=-1",
                "lines=+1",
                "lines=1a",
                "lines=%31",
                "lines=1&lines=1",
            ][..],
            "lines",
        ),
        (
            &[
                "from",
                "from=",
                "from=start",
                "from=End",
                "from=0",
                "from=end&from=end",
            ],
            "from",
        ),
        (
            &[
                "last-event-id",
                "last-event-id=",
                "last-event-id=1-1",
                "last-event-id=0000000000000012-034",
                "last-event-id=0000000000000012-34,",
                "last-event-id=-&last-event-id=-",
            ],
            "last-event-id",
        ),
        (
            &[
                "files",
                "files=",
                "files=,",
                "files=a/b",
                "files=a%2fb",
                "files=.a",
                "files=a,a",
                "files=a&files=b",
            ],
            "files",
        ),
    ] {
        for parameter in parameters {
            let target = format!("/f?a&{parameter}");
            let why = parse(target.as_bytes()).expect_err(parameter);
            let begin = format!("malformed {name}= in the query: expected ");
            assert!(why.starts_with(&begin), "{parameter}: {why}");
        }
    }
}

/// As libraries write it that stand in for EventSource, beside the query that the page began with.
#[test]
fn both_spellings_of_an_event_id() {
    let positions = |target: &str| parse(target.as_bytes()).expect(target).positions;
    let id = |text: &str| Positions::parse(text.as_bytes());
    let (old, new) = ("0000000000000012-34", "0000000000000012-56");
    for (query, expected) in [
        (format!("lastEventId={new}"), id(new)),
        (format!("last-event-id={old}&lastEventId={new}"), id(new)),
        (format!("lastEventId={new}&last-event-id={old}"), id(new)),
        (format!("lastEventId=&last-event-id={old}"), id(old)),
        ("lastEventId=".into(), None),
        (
            format!("lastEventId={old}%2C{new}"),
            id(&format!("{old},{new}")),
        ),
    ] {
        assert_eq!(positions(&format!("/f?{query}")), expected, "{query}");
    }
    assert!(parse(b"/f?lastEventId=x").is_err());
}
