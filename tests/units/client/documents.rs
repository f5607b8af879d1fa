//! URLs, JSON, lists of generations, positions.

use openrange::client::generations::{Generations, Next};
use openrange::client::lines::{Batching, Flush, Lines};
use openrange::client::position::Position;
use openrange::client::url::{Server, Url};
use openrange::http::etag::ETag;
use openrange::http::json_value::{Value, write_string};
use openrange::time::Moment;

use std::time::Duration;

#[test]
fn urls() {
    let tcp = |text: &str| match Url::parse(text).expect(text).server {
        Server::Tcp { host, port, .. } => (host.to_string(), port),
        Server::Unix(_) => panic!("{text}"),
    };
    assert_eq!(tcp("http://host/a"), ("host".into(), 80));
    assert_eq!(tcp("HTTP://host:8080/a%20b"), ("host".into(), 8080));
    assert_eq!(tcp("http://[::1]:81/a"), ("::1".into(), 81));
    assert_eq!(tcp("http://[::1]/a"), ("::1".into(), 80));
    let unix = Url::parse("http+unix://%2Frun%2Fx.sock/a").expect("a URL");
    assert_eq!(unix.server, Server::Unix(b"/run/x.sock".as_slice().into()));
    assert_eq!(
        &*Url::parse("http://host:8080/a").expect("a URL").host,
        "host:8080"
    );
    let https = Url::parse("https://host/d/").expect("a URL");
    assert!(https.is_tls() && https.is_directory());
    assert_eq!(tcp("https://host/d/"), ("host".into(), 443));
    let http = Url::parse("http://host/d/a").expect("a URL");
    assert!(!http.is_tls() && !http.is_directory());
    assert_eq!(http.to_string(), "http://host/d/a");
    assert!(!unix.is_tls() && unix.to_string() == "http+unix://%2Frun%2Fx.sock/a");
    // A port may be left out behind its colon (RFC 3986 section 3.2.3).
    assert_eq!(tcp("http://host:/a"), ("host".into(), 80));
    assert_eq!(&*Url::parse("http://host").expect("a URL").path, "/");
    for wrong in [
        "http://[::1/a",
        "http://::1]/a",
        "http://[]/a",
        "http+unix://%00x/a",
        "",
        "host/a",
        "ftp://host/a",
        "http:///a",
        "http://host:99999/a",
        "http://u:p@host/a",
        "http://host/a?b",
        "http://host/a#b",
        "http+unix:///a",
        "http://host/ä",
    ] {
        assert!(Url::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn json() {
    let value =
        Value::parse(br#" {"a":[1,-2.5e3,true,null],"b":"x\n\u00e9\ud83d\ude00\"","c":{}} "#)
            .expect("JSON");
    assert_eq!(value.get("a").expect("a").items()[0].as_u64(), Some(1));
    assert_eq!(value.get("b").and_then(Value::as_str), Some("x\né😀\""));
    let escapes = Value::parse(br#""\"\\\/\b\f\n\r\t\u0041 ""#).expect("a string");
    assert_eq!(escapes.as_str(), Some("\"\\/\u{8}\u{c}\n\r\tA "));
    let mut out = String::new();
    write_string(&mut out, "a b\u{1f}\n\"\\\u{7f}é");
    assert_eq!(out, "\"a b\\u001f\\u000a\\\"\\\\\\u007fé\"");
    let deep = "[".repeat(100);
    for wrong in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "01",
        "1.",
        "\"\\x\"",
        "\"\\ud83d\"",
        "nul",
        "[1] 2",
        "\"a\nb\"",
        &deep,
    ] {
        assert_eq!(Value::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn a_position_is_read_as_it_was_written() {
    let mut position = Position::start_of(ETag(7));
    position.offset = u64::MAX;
    position.before.add(b"\0\xff");
    position.late.extend(position.as_late());
    position.pass_to(ETag(8));
    position.offset = 3;
    position.before.add(b"ab\n");
    position.midline = true;
    let text = position.to_json("http://host/\"log\"");
    assert_eq!(
        Position::from_json(text.as_bytes()),
        Some(("http://host/\"log\"".into(), position))
    );
    // No beginning of it is one.
    for end in 0..text.len() - 1 {
        assert_eq!(Position::from_json(&text.as_bytes()[..end]), None);
    }
}

fn list(tags: &[u64]) -> Generations {
    let item = |tag: &u64| {
        format!(
            "{{\"etag\":\"W/\\\"{tag:016x}\\\"\",\"path\":\"/log\",\"size\":1,\"compressed\":null,\"current\":false}}"
        )
    };
    let items: Vec<String> = tags.iter().map(item).collect();
    Generations::parse(format!("{{\"generations\":[{}]}}", items.join(",")).as_bytes())
        .expect("a list")
}

#[test]
fn the_next_generation_is_behind_all_that_are_known() {
    let mut position = Position::start_of(ETag(1));
    position.pass_to(ETag(2));
    let next = |etag: u64| Next::Generation {
        etag: ETag(etag),
        gap: false,
    };
    assert_eq!(list(&[1, 2, 3, 4]).after(&position), next(3));
    assert_eq!(list(&[1, 3]).after(&position), next(3));
    assert_eq!(list(&[3, 4]).after(&position), next(3));
    assert_eq!(list(&[0, 1, 2]).after(&position), Next::Nothing);
    assert_eq!(list(&[]).after(&position), Next::Nothing);
}

#[test]
fn batches_are_whole_lines() {
    let mut lines = Lines::new(Batching {
        bytes: 8,
        linger: Duration::from_millis(100),
    });
    let now = Moment(1000);
    lines.add(b"one\ntw", now);
    assert_eq!(lines.batch(now), 0);
    assert_eq!(lines.batch(Moment(1100)), 4);
    lines.add(b"o\nthree\nrest", now);
    assert_eq!(lines.batch(now), 8);
    lines.remove(8, now);
    assert_eq!(lines.bytes(), b"three\nrest");
    lines.flush = Flush::Lines;
    assert_eq!(lines.batch(now), 6);
    lines.remove(6, now);
    assert_eq!(lines.batch(now), 0);
    lines.flush = Flush::All;
    assert_eq!(lines.batch(now), 4);
    // A line that is longer than a batch makes one of its own.
    lines.remove(4, now);
    lines.flush = Flush::No;
    lines.add(b"a line of its own\nx\n", now);
    assert_eq!(lines.batch(now), 18);
}

/// A copy that comes after the one of the generation that was read is the copy of another one, whoever made it.
#[test]
fn a_copy_after_the_generation_that_was_read_is_a_gap() {
    let list = |second: &str| {
        let text = format!(
            r#"{{"generations":[
            {{"etag":"W/\"0000000000000011\"","size":9,"compressed":"gzip","original":{{"etag":"W/\"0000000000000001\"","size":2}}}},
            {second}
            {{"etag":"W/\"0000000000000003\"","size":2,"compressed":null,"current":true}}]}}"#
        );
        Generations::parse(text.as_bytes()).expect("a list")
    };
    let position = Position::start_of(ETag(1));
    let copy = r#"{"etag":"W/\"0000000000000012\"","size":9,"compressed":"gzip"},"#;
    for (second, gap) in [(copy, true), ("", false)] {
        let etag = ETag(3);
        assert_eq!(
            list(second).after(&position),
            Next::Generation { etag, gap }
        );
    }
}

/// Nothing of what the position knows is left, unless it is one of the copies: then what stands before them may be older.
#[test]
fn what_stands_before_an_unknown_copy_may_be_older() {
    let first = r#"{"etag":"W/\"0000000000000001\"","size":2,"compressed":null}"#;
    let copy = r#"{"etag":"W/\"0000000000000002\"","size":9,"compressed":"gzip"}"#;
    let last = r#"{"etag":"W/\"0000000000000003\"","size":2,"compressed":null,"current":true}"#;
    let list = |items: &[&str]| {
        let text = format!("{{\"generations\":[{}]}}", items.join(","));
        Generations::parse(text.as_bytes()).expect("a list")
    };
    let next = |etag: u64, gap| Next::Generation {
        etag: ETag(etag),
        gap,
    };
    let away = Position::start_of(ETag(9));
    assert_eq!(list(&[first, copy, last]).after(&away), next(1, true));
    assert_eq!(list(&[copy, first, last]).after(&away), next(1, false));
    assert_eq!(list(&[first, last]).after(&away), next(1, false));
    let known = Position::start_of(ETag(1));
    assert_eq!(list(&[first, copy, last]).after(&known), next(3, true));
    let new = Position::default();
    assert_eq!(list(&[first, copy, last]).after(&new), next(1, false));
}
