//! The list of generations: what is read of it, and what comes next behind a position.

use openrange::client::before::Before;
use openrange::client::generations::{Generation, Generations, Next};
use openrange::client::position::{LatePlace, Position};
use openrange::http::etag::ETag;
use openrange::http::position::{CHECKED, Check};
use openrange::limits::{CLIENT_EARLIER_MAX, CLIENT_LATE_MAX};

fn tag(text: &str) -> String {
    format!("W/\\\"{:016x}\\\"", text.parse::<u64>().expect("a number"))
}

/// A list in short: `NAME=TAG` for each, `NAME=TAG?` of a copy of nobody knows what, `NAME=TAG:WHAT` of a copy of that file,
/// `NAME=-` without a tag. What is called `log` has the name.
fn list(text: &str) -> Generations {
    let item = |item: &str| {
        let (name, what) = item.split_once('=').expect("a name");
        let (what, more) = match what.split_once(':') {
            Some((copy, original)) => (
                copy,
                format!(
                    ",\"compressed\":\"gzip\",\"original\":{{\"etag\":\"{}\",\"size\":1}}",
                    tag(original)
                ),
            ),
            None => match what.strip_suffix('?') {
                Some(copy) => (copy, ",\"compressed\":\"gzip\"".to_owned()),
                None => (what, String::new()),
            },
        };
        let etag = match what {
            "-" => "null".to_owned(),
            what => format!("\"{}\"", tag(what)),
        };
        let current = name == "log";
        format!("{{\"etag\":{etag},\"path\":\"/d/{name}\",\"size\":1,\"current\":{current}{more}}}")
    };
    let items: Vec<String> = text.split_whitespace().map(item).collect();
    let text = format!(
        "{{\"path\":\"/d/log\",\"generations\":[{}]}}",
        items.join(",")
    );
    Generations::parse(text.as_bytes()).expect("a list")
}

/// At a generation; the others came before it. 0: at none.
fn position(generations: &[u64]) -> Position {
    let (&here, earlier) = generations.split_last().expect("where it is");
    Position {
        generation: (here > 0).then_some(ETag(here)),
        earlier: earlier.iter().copied().map(ETag).collect(),
        ..Position::default()
    }
}

#[test]
fn what_comes_next() {
    // The list; what is known, the position last; the next one, and whether something before it is gone.
    type Row<'a> = (&'a str, &'a [u64], Option<(u64, bool)>);
    let rows: &[Row<'_>] = &[
        // The first one behind the last that is known.
        ("log.2=1 log.1=2 log=3", &[1], Some((2, false))),
        ("log.2=1 log.1=2 log=3", &[1, 2], Some((3, false))),
        ("log.2=1 log.1=2 log=3", &[2, 1], Some((3, false))),
        ("log.2=1 log.1=2 log=3", &[3], None),
        ("log.2=1 log.1=2 log=3", &[9], Some((1, false))),
        ("log.2=1 log.1=2 log=3", &[0], Some((1, false))),
        ("log.2=1 log.1=2 log=3", &[2, 0], Some((3, false))),
        // Numbers that are missing behind the position.
        ("log.3=1 log.1=3 log=4", &[1], Some((3, true))),
        ("log.3=1 log.2=2 log=4", &[1], Some((2, false))),
        ("log.2=1 log=4", &[1], Some((4, true))),
        ("log.1=1 log=4", &[1], Some((4, false))),
        ("log.1=1 log.1=2 log=4", &[1], Some((2, false))),
        ("log.1=1 log.3=2 log=4", &[1], Some((2, false))),
        // Dates tell of no number.
        (
            "log-20260101=1 log-20260301=2 log=3",
            &[1],
            Some((2, false)),
        ),
        ("log.5=1 log-20260301=2 log=3", &[1], Some((2, false))),
        // The position itself is not in the list: what is missing may have come before it.
        ("log.3=1 log.1=3 log=4", &[1, 2], Some((3, false))),
        ("log.3=1 log.1=3 log=4", &[1, 0], Some((3, false))),
        // Copies are no source; one behind the position was never read.
        ("log.2=1 log.1.gz=2? log=3", &[1], Some((3, true))),
        ("log.2=1 log.1.gz=2:7 log=3", &[1], Some((3, true))),
        ("log.2=1 log.1.gz=2:7 log=3", &[9], Some((1, false))),
        ("log.2.gz=1? log.1=2 log=3", &[9], Some((2, false))),
        ("log.2.gz=1:7 log.1=2 log=3", &[9], Some((2, true))),
        ("log.2.gz=1:7 log.1=2 log=3", &[7], Some((2, false))),
        ("log.2.gz=1:7 log.1=2 log=3", &[7, 9], Some((2, false))),
        ("log.3.gz=1:7 log.1=2 log=3", &[7], Some((2, true))),
        ("log.3.gz=1:7 log.1=2 log=3", &[7, 9], Some((2, false))),
        ("log.2.gz=1? log.1=2 log=3", &[1], Some((2, false))),
        // Behind one that is known, an unknown copy may be that of the position.
        ("log.2=1 log.1.gz=2? log=3", &[1, 9], Some((3, false))),
        ("log.2=1 log.1.gz=2:7 log=3", &[1, 9], Some((3, true))),
        ("log.2=1 log.1.gz=2:9 log=3", &[1, 9], Some((3, false))),
        // Copies and numbers in one: 3, 2 as a copy, 1.
        (
            "log.3=1 log.2.gz=2? log.1=3 log=4",
            &[1, 9],
            Some((3, false)),
        ),
        ("log.4=1 log.2.gz=2? log.1=3 log=4", &[1], Some((3, true))),
        // Of what is known nothing is left: an unknown copy may be the last of it.
        ("log.2=1 log.1.gz=2? log=3", &[9], Some((1, true))),
        ("log.2=1 log.1.gz=2? log=3", &[9, 0], Some((1, true))),
        ("log.2=1 log.1.gz=2? log=3", &[0], Some((1, false))),
        ("log.3.gz=1? log.2=2 log.1=3 log=4", &[9], Some((2, false))),
        // What has no tag is none that can be read.
        ("log.2=1 log.1=- log=3", &[1], Some((3, false))),
        ("log.1=- log=3", &[9], Some((3, false))),
        ("log.1=- log=3", &[0], Some((3, false))),
        ("log.2=1 log=-", &[1], None),
        ("log.2=1 log.1.gz=2? log=-", &[1], None),
        ("", &[1], None),
    ];
    for (text, known, expected) in rows {
        let next = match *expected {
            None => Next::Nothing,
            Some((etag, gap)) => Next::Generation {
                etag: ETag(etag),
                gap,
            },
        };
        assert_eq!(list(text).after(&position(known)), next, "{text} {known:?}");
    }
}

#[test]
fn what_a_list_has() {
    let generations = list("log.4=- log.3.gz=1:7 log.2=2 log.1=3 log=4");
    let current = generations.current().expect("one has the name");
    assert_eq!((current.etag, current.rolls), (Some(ETag(4)), Some(0)));
    for (etag, has) in [(1, false), (2, true), (4, true), (7, false)] {
        assert_eq!(generations.has(ETag(etag)), has, "{etag}");
    }
    assert_eq!(generations.before_current(), [ETag(2), ETag(3)]);
    let newest = |known: &[u64]| generations.newest_known(&position(known));
    assert_eq!(newest(&[1, 3, 2]), Some(ETag(3)));
    assert_eq!(newest(&[3, 1, 2]), Some(ETag(3)));
    assert_eq!(newest(&[1, 9]), Some(ETag(1)), "a copy is one, too");
    assert_eq!(newest(&[7, 9]), None);
    let without = list("log.2=2 log.1=3");
    assert_eq!(
        (without.current(), without.before_current()),
        (None, vec![ETag(2), ETag(3)])
    );
    assert_eq!(list("log.1.gz=1? log=-").current(), None);
    let many: String = (1..=20)
        .map(|number| format!("log.{}={number} ", 21 - number))
        .collect();
    let last: Vec<ETag> = (21 - CLIENT_EARLIER_MAX as u64..=20).map(ETag).collect();
    assert_eq!(list(&format!("{many} log=99")).before_current(), last);
}

#[test]
fn the_document() {
    let parse = |text: &str| Generations::parse(text.as_bytes());
    let item = r#"{"etag":"W/\"0000000000000001\"","size":5"#;
    let one = |more: &str| {
        let list = parse(&format!(
            "{{\"path\":\"/a/log.txt\",\"generations\":[{item}{more}}}]}}"
        ));
        list.map(|list| list.0[0].clone())
    };
    let plain = Generation {
        etag: Some(ETag(1)),
        size: 5,
        current: false,
        rolls: None,
        compressed: None,
        original_size: None,
    };
    let of = |path: &str, rolls| {
        let more = format!(",\"path\":\"{path}\"");
        let expected = Generation {
            rolls,
            ..plain.clone()
        };
        assert_eq!(one(&more), Some(expected), "{path}");
    };
    of("/a/log.txt.3", Some(3));
    of("/a/log.3.txt", Some(3));
    of("/b/c/log.txt.3", Some(3));
    of("/a/log.txt-20260101", None);
    of("/a/other.3", None);
    assert_eq!(one(""), Some(plain.clone()));
    for false_of in ["null", "false"] {
        let more = format!(",\"compressed\":{false_of},\"current\":{false_of}");
        assert_eq!(one(&more), Some(plain.clone()), "{more}");
    }
    let current = one(",\"current\":true").expect("one");
    assert_eq!((current.current, current.rolls), (true, Some(0)));
    let copy = |more: &str| {
        one(&format!(",\"compressed\":\"gzip\"{more}"))
            .expect(more)
            .compressed
    };
    assert_eq!(copy(""), Some(None));
    assert_eq!(copy(",\"original\":null"), Some(None));
    assert_eq!(copy(",\"original\":{\"etag\":\"x\"}"), Some(None));
    let original = copy(",\"original\":{\"etag\":\"W/\\\"0000000000000007\\\"\"}");
    assert_eq!(original, Some(Some(ETag(7))));
    for wrong in [
        "",
        "[]",
        "{}",
        "{\"generations\":null}",
        "{\"generations\":{}}",
        "{\"generations\":[{}]}",
        "{\"generations\":[{\"etag\":\"W/\\\"1\\\"\",\"size\":5}]}",
        "{\"generations\":[{\"etag\":5,\"size\":5}]}",
        "{\"generations\":[{\"etag\":null}]}",
        "{\"generations\":[{\"size\":5}]}",
        "{\"generations\":[{\"etag\":null,\"size\":-5}]}",
    ] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
    assert_eq!(parse("{\"generations\":[]}"), Some(Generations::default()));
}

#[test]
fn what_a_position_remembers() {
    let mut position = position(&[1, 2]);
    for (etag, knows) in [(1, true), (2, true), (3, false)] {
        assert_eq!(position.knows(ETag(etag)), knows, "{etag}");
    }
    assert!(!Position::default().knows(ETag(0)));
    (position.offset, position.ended, position.midline) = (5, true, true);
    position.before.add(b"12345");
    let late = position.as_late().expect("a place");
    assert_eq!((late.etag, late.offset), (ETag(2), 5));
    assert_eq!(late.check(), Some(Check::of(b"12345")));
    position.pass_to(ETag(3));
    let expected = Position {
        earlier: vec![ETag(1), ETag(2)],
        ..Position::start_of(ETag(3))
    };
    assert_eq!(position, expected);
    // Again from its beginning: it does not come before itself.
    position.offset = 7;
    position.pass_to(ETag(3));
    assert_eq!(position, expected);
    // Each once, the latest last, and only so many.
    position.remember(ETag(1));
    assert_eq!(position.earlier, [ETag(2), ETag(1)]);
    for etag in 10..10 + CLIENT_EARLIER_MAX as u64 - 2 {
        position.remember(ETag(etag));
    }
    assert_eq!(position.earlier[..3], [ETag(2), ETag(1), ETag(10)]);
    assert_eq!(position.earlier.len(), CLIENT_EARLIER_MAX);
    position.remember(ETag(2));
    assert_eq!(position.earlier[..2], [ETag(1), ETag(10)]);
    assert_eq!(position.earlier.last(), Some(&ETag(2)));
    position.remember(ETag(77));
    assert_eq!(position.earlier.len(), CLIENT_EARLIER_MAX);
    assert_eq!(position.earlier[0], ETag(10));
    assert_eq!(Position::default().as_late(), None);
}

#[test]
fn the_state_as_it_is_written() {
    let mut before = Before::default();
    before.add(&[0, 0xab]);
    let position = Position {
        offset: 2,
        before: before.clone(),
        midline: true,
        late: [5, 6]
            .map(|etag| LatePlace {
                etag: ETag(etag),
                offset: 2 * (etag - 5),
                before: if etag == 6 {
                    before.clone()
                } else {
                    Before::default()
                },
                midline: false,
            })
            .into(),
        ..position(&[1, 2, 3])
    };
    let tag = |tag: u64| format!("\"W/\\\"{tag:016x}\\\"\"");
    let expected = format!(
        "{{\"url\":\"http://h/log\",\"etag\":{},\"offset\":2,\"before\":\"00ab\",\"ended\":false,\"midline\":true,\
         \"earlier\":[{},{}],\"late\":[{{\"etag\":{},\"offset\":0}},{{\"etag\":{},\"offset\":2,\"before\":\"00ab\"}}]}}\n",
        tag(3),
        tag(1),
        tag(2),
        tag(5),
        tag(6)
    );
    assert_eq!(position.to_json("http://h/log"), expected);
    let none = "{\"url\":\"u\",\"etag\":null,\"offset\":0,\"ended\":false,\"midline\":false,\"earlier\":[],\"late\":[]}\n";
    assert_eq!(Position::default().to_json("u"), none);
    for position in [position, Position::default()] {
        let text = position.to_json("u");
        assert_eq!(
            Position::from_json(text.as_bytes()),
            Some(("u".into(), position))
        );
    }
}

#[test]
fn the_state_as_it_is_read() {
    let here = "\"etag\":\"W/\\\"0000000000000001\\\"\"";
    let read = |members: &str| {
        let text = format!("{{\"url\":\"u\",{members}}}");
        Position::from_json(text.as_bytes()).map(|(_, position)| position)
    };
    // As an earlier version wrote it.
    let old = read(&format!("{here},\"offset\":5")).expect("a state");
    let expected = Position {
        offset: 5,
        ..Position::start_of(ETag(1))
    };
    assert_eq!(old, expected);
    let tags = |count: usize| vec!["\"W/\\\"0000000000000001\\\"\""; count].join(",");
    let late = |count: usize| vec![format!("{{{here},\"offset\":5}}"); count].join(",");
    assert!(
        read(&format!(
            "{here},\"offset\":5,\"earlier\":[{}]",
            tags(CLIENT_EARLIER_MAX)
        ))
        .is_some()
    );
    assert!(
        read(&format!(
            "{here},\"offset\":5,\"late\":[{}]",
            late(CLIENT_LATE_MAX)
        ))
        .is_some()
    );
    assert!(read("\"etag\":null,\"offset\":0").is_some());
    assert!(read(&format!("{here},\"offset\":5,\"ended\":true")).is_some());
    for wrong in [
        "\"offset\":5".to_owned(),
        here.to_owned(),
        format!("{here},\"offset\":-5"),
        format!("{here},\"offset\":5,\"ended\":0"),
        format!("{here},\"offset\":5,\"midline\":0"),
        format!("{here},\"offset\":5,\"before\":0"),
        format!("{here},\"offset\":5,\"before\":\"0\""),
        format!("{here},\"offset\":5,\"earlier\":[0]"),
        format!("{here},\"offset\":5,\"late\":[0]"),
        format!("{here},\"offset\":5,\"late\":[{{{here}}}]"),
        format!("{here},\"offset\":5,\"late\":[{{\"offset\":5}}]"),
        format!(
            "{here},\"offset\":5,\"earlier\":[{}]",
            tags(CLIENT_EARLIER_MAX + 1)
        ),
        format!(
            "{here},\"offset\":5,\"late\":[{}]",
            late(CLIENT_LATE_MAX + 1)
        ),
        // Where no generation is, nothing of it was read.
        "\"etag\":null,\"offset\":5".to_owned(),
        "\"etag\":null,\"offset\":0,\"ended\":true".to_owned(),
        "\"etag\":\"x\",\"offset\":0".to_owned(),
    ] {
        assert_eq!(read(&wrong), None, "{wrong}");
    }
    assert_eq!(
        Position::from_json(format!("{{{here},\"offset\":5}}").as_bytes()),
        None
    );
}

#[test]
fn bytes_as_hex() {
    let mut all = Before::default();
    let bytes: Vec<u8> = (0..CHECKED as u8)
        .map(|byte| byte.wrapping_mul(41))
        .collect();
    all.add(&bytes);
    assert!(!all.is_empty() && Before::default().is_empty());
    let text = all.to_hex();
    assert_eq!(text[..8], *"0029527b");
    assert_eq!(Before::from_hex(&text), Some(all.clone()));
    assert_eq!(Before::from_hex(&text.to_uppercase()), Some(all));
    assert_eq!(Before::from_hex(""), Some(Before::default()));
    for wrong in ["0", "000", "0g", "g0", "ä", " 00", &format!("{text}00")] {
        assert_eq!(Before::from_hex(wrong), None, "{wrong}");
    }
}
