//! The stream of events of a directory.

use openrange::client::mirror::events::{News, Reader};
use openrange::http::etag::ETag;

fn read(text: &str, piece: usize) -> (Vec<News>, Result<(), &'static str>) {
    let mut reader = Reader::default();
    let mut news = Vec::new();
    for piece in text.as_bytes().chunks(piece) {
        if let Err(why) = reader.read(piece, |event| news.push(event)) {
            return (news, Err(why));
        }
    }
    (news, Ok(()))
}

#[test]
fn what_events_say() {
    let grown = |size| News::Grown(ETag(7), size);
    let entry = r#"{"path":"/d/a","etag":"W/\"0000000000000007\"","size":5}"#;
    let other = News::Other;
    let rows: &[(String, Vec<News>)] = &[
        (String::new(), vec![]),
        (format!("event: grow\ndata: {entry}\n\n"), vec![grown(5)]),
        (
            format!("id: 3\nevent: grow\ndata: {entry}\nretry: 9\n\n"),
            vec![grown(5)],
        ),
        (
            format!(
                "event: grow\ndata: {}\ndata: {}\n\n",
                &entry[..20],
                &entry[20..]
            ),
            vec![grown(5)],
        ),
        (format!("event: grow\ndata: {entry}\n"), vec![]),
        (
            format!("event: create\ndata: {entry}\n\n"),
            vec![other.clone()],
        ),
        (format!("data: {entry}\n\n"), vec![other.clone()]),
        (
            "event: list\ndata: {\"truncated\":false}\n\n".into(),
            vec![News::Begun(true)],
        ),
        (
            "event: list\ndata: {\"truncated\":true}\n\nevent: list\ndata: {}\n\n".into(),
            vec![News::Begun(false), News::Begun(false)],
        ),
        ("event: grow\ndata: {}\n\n".into(), vec![other.clone()]),
        ("event: grow\ndata: no JSON\n\n".into(), vec![other.clone()]),
        (
            format!("event: grow\ndata: {}\n\n", entry.replace("W/", "")),
            vec![other.clone()],
        ),
        (
            format!("event: grow\ndata: {}\n\n", entry.replace(":5", ":-5")),
            vec![other.clone()],
        ),
        // It was sealed at once: the list has to say so.
        (
            format!(
                "event: grow\ndata: {0},\"sealed\":true}}\n\nevent: grow\ndata: {0},\"sealed\":false}}\n\n",
                &entry[..entry.len() - 1]
            ),
            vec![other.clone(), grown(5)],
        ),
        // Without data there is no event, and its kind is not that of the next one.
        (
            format!("event: grow\n\ndata: {entry}\n\n"),
            vec![other.clone()],
        ),
        (": a comment\n\n: another\n\n".into(), vec![]),
        (
            format!(
                "event: grow\ndata: {entry}\n\nevent: remove\ndata: {entry}\n\n: x\nevent: grow\ndata: {}\n\n",
                entry.replace(":5", ":6")
            ),
            vec![grown(5), other, grown(6)],
        ),
    ];
    for (text, expected) in rows {
        for piece in [1, 7, 1000] {
            assert_eq!(read(text, piece), (expected.clone(), Ok(())), "{text}");
        }
    }
}

#[test]
fn an_event_has_a_bound() {
    const MOST: usize = 64 * 1024;
    for piece in [1000, MOST, 2 * MOST] {
        let (news, end) = read(&format!("data: {}\n\n", "x".repeat(MOST - 7)), piece);
        assert_eq!((news, end), (vec![News::Other], Ok(())), "{piece}");
        let (news, end) = read(&format!("data: {}\n\n", "x".repeat(MOST - 6)), piece);
        assert_eq!(
            (news, end),
            (vec![], Err("an event is too long")),
            "{piece}"
        );
        let (_, end) = read(&"x".repeat(MOST + 1), piece);
        assert!(end.is_err(), "it does not wait for the end of the line");
    }
    // Nor for the empty line that ends an event.
    for line in [format!("data: {}\n", "x".repeat(100)), "data: x\n".into()] {
        let (news, end) = read(&line.repeat(MOST), 1000);
        assert_eq!((news, end), (vec![], Err("an event is too long")));
    }
}
