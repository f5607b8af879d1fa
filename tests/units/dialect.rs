//! What a request asks for.

use openrange::dialect::plain;
use openrange::http::query::Start;
use openrange::http::request::parse;
use openrange::http::target::Target;
use openrange::http::write::Change;
use openrange::intent::{EventsOf, FilePart, Intent, ParsedRequest};

fn asked(line: &str, fields: &str) -> ParsedRequest {
    let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let parsed = parse(head.as_bytes()).unwrap_or_else(|why| panic!("{why:?}: {head}"));
    plain::parse(parsed.expect("a whole head").0)
}

/// An intent in a few words.
fn words(intent: &Intent) -> String {
    let part = |part: &FilePart| {
        let FilePart {
            path,
            range,
            start,
            generation,
        } = part;
        let range = if range.is_some() { " range" } else { "" };
        let generation = generation.map_or(String::new(), |it| format!(" of {:016x}", it.0));
        format!("{path}{range}{}{generation}", from(*start))
    };
    match intent {
        Intent::Read(of) => format!("read {}", part(of)),
        Intent::Tail(of) => format!("tail {}", part(of)),
        Intent::Events(EventsOf {
            path,
            start,
            positions,
            files,
        }) => {
            let after = if positions.is_some() { " after" } else { "" };
            let files = if files.is_some() { " files" } else { "" };
            format!("events {path}{}{after}{files}", from(*start))
        }
        Intent::EventsNotAccepted(path) => format!("events not accepted {path}"),
        Intent::Listing(path) => format!("list {path}"),
        Intent::Generations(path) => format!("generations {path}"),
        Intent::Answer(answer) => format!("answer {}", answer.path),
        Intent::Viewer(path) => format!("view {path}"),
        Intent::LogIn { path, keep } => {
            format!("log in {path}{}", if *keep { " keep" } else { "" })
        }
        Intent::LogOut(path) => format!("log out {path}"),
        Intent::Options(Target::Path(path)) => format!("options {path}"),
        Intent::Options(Target::Asterisk) => "options *".into(),
        Intent::Options(Target::Nowhere) => "options nowhere".into(),
        Intent::Nowhere => "nowhere".into(),
        Intent::Unsupported => "unsupported".into(),
        Intent::Write(write) => {
            let change = match &write.change {
                Ok(Change::Append { line: true }) => "append a line".into(),
                Ok(Change::Append { line: false }) => "append".into(),
                Ok(Change::AppendAt { offset, complete }) => {
                    format!(
                        "append at {offset}{}",
                        if *complete { " and seal" } else { "" }
                    )
                }
                Ok(Change::Replace) => "replace".into(),
                Ok(Change::Move {
                    destination,
                    overwrite,
                }) => format!(
                    "move to {destination}{}",
                    if *overwrite { "" } else { " if free" }
                ),
                Ok(Change::Delete) => "delete".into(),
                Err(fault) => fault.status.code().to_string(),
            };
            match write.path() {
                Some(path) => format!("{change} {path}"),
                None => format!("{change} nowhere"),
            }
        }
    }
}

fn from(start: Option<Start>) -> String {
    match start {
        None => String::new(),
        Some(Start::End) => " end".into(),
        Some(Start::Lines(count)) => format!(" lines {count}"),
    }
}

#[test]
fn intents() {
    const HTML: &str = "Accept: text/html\r\n";
    const JSON: &str = "Accept: application/json\r\n";
    const EVENTS: &str = "Accept: text/event-stream\r\n";
    const LIVE: &str = "Range: bytes=3-\r\n";
    const FINITE: &str = "Range: bytes=3-4\r\n";
    // Request line, fields, intent; whether it subscribes as GET, and whether it may list.
    let table = [
        ("GET /f", "", "read /f", false, false),
        ("GET /f", FINITE, "read /f range", false, false),
        ("GET /f", LIVE, "tail /f range", true, false),
        ("GET /f?lines=2", "", "tail /f lines 2", true, false),
        ("GET /f?lines=2", FINITE, "read /f range", false, false),
        ("GET /f?from=end", LIVE, "tail /f range end", true, false),
        ("GET /f", JSON, "read /f", false, false),
        ("GET /d/", "", "read /d/", false, true),
        ("GET /d/", LIVE, "tail /d/ range", true, true),
        ("GET /d/", HTML, "read /d/", false, true),
        ("GET /d/", JSON, "list /d/", false, true),
        ("GET /d/?lines=2", JSON, "list /d/", false, true),
        ("GET /f", EVENTS, "events /f", true, false),
        ("GET /f?lines=2", EVENTS, "events /f lines 2", true, false),
        (
            "GET /f?last-event-id=0000000000000001-2",
            EVENTS,
            "events /f after",
            true,
            false,
        ),
        ("GET /d/", EVENTS, "events /d/", true, true),
        ("GET /d/?files=a", EVENTS, "events /d/ files", true, true),
        (
            "GET /d/?files=a",
            "",
            "events not accepted /d/",
            false,
            false,
        ),
        (
            "GET /d/?files=*",
            HTML,
            "events not accepted /d/",
            false,
            false,
        ),
        (
            "HEAD /d/?files=a",
            JSON,
            "events not accepted /d/",
            false,
            false,
        ),
        ("GET /f?files=a", "", "read /f", false, false),
        ("GET /f?view", HTML, "view /f", false, false),
        ("GET /f?view", JSON, "read /f", false, false),
        ("GET /f?view&x", HTML, "view /f", false, false),
        ("GET /f?x=1&view=", HTML, "view /f", false, false),
        ("GET /f?viewer", HTML, "read /f", false, false),
        ("GET /d/?view", HTML, "read /d/", false, true),
        (
            "GET /f?generation=00000000000000ab",
            "",
            "read /f of 00000000000000ab",
            false,
            false,
        ),
        (
            "GET /f?generation=00000000000000ab&lines=1",
            LIVE,
            "tail /f range lines 1 of 00000000000000ab",
            true,
            false,
        ),
        ("GET /f?generations", LIVE, "generations /f", false, false),
        ("GET /d/?generations", "", "read /d/", false, true),
        (
            "GET /d/?generation=00000000000000ab",
            "",
            "read /d/",
            false,
            true,
        ),
        ("GET /f?login", HTML, "log in /f", false, false),
        ("GET /d/?login=keep", JSON, "log in /d/ keep", false, false),
        ("GET /f?logout", LIVE, "log out /f", false, false),
        ("GET /f?login=", "", "read /f", false, false),
        ("GET /f?x&login", "", "read /f", false, false),
        ("GET /.f", "", "nowhere", false, false),
        ("OPTIONS *", "", "options *", false, false),
        ("OPTIONS /f?lines=x", LIVE, "options /f", false, false),
        ("OPTIONS /.f", "", "options nowhere", false, false),
        ("POST /f", "", "append /f", false, false),
        ("POST /f?line", LIVE, "append a line /f", false, false),
        ("POST /f?&line=1", "", "append a line /f", false, false),
        ("POST /f?x&line=1", "", "400 /f", false, false),
        ("POST /f?lines=x", "", "400 /f", false, false),
        ("POST /.f", "", "append nowhere", false, false),
        ("POST *", "", "append nowhere", false, false),
        ("PUT /a%20b", "", "replace /a%20b", false, false),
        ("DELETE /f", "", "delete /f", false, false),
        (
            "MOVE /f",
            "Destination: /g\r\n",
            "move to /g /f",
            false,
            false,
        ),
        ("BREW /f", LIVE, "unsupported", false, false),
        ("CONNECT a:1", "", "unsupported", false, false),
    ];
    for (line, fields, expected, subscribes, may_list) in table {
        let asked = asked(line, fields);
        assert_eq!(words(&asked.intent), expected, "{line} {fields}");
        assert_eq!(asked.subscribes(), subscribes, "{line} {fields}");
        assert_eq!(asked.may_list(), may_list, "{line} {fields}");
        // HEAD asks for the same, without content.
        if let Some(rest) = line.strip_prefix("GET ") {
            let head = self::asked(&format!("HEAD {rest}"), fields);
            assert_eq!(head.intent, asked.intent, "{line} {fields}");
            assert!(head.head_only() && !head.subscribes(), "{line} {fields}");
        }
    }
}

#[test]
fn what_is_not_understood_has_no_path() {
    for line in ["BREW /secret", "BREW *", "CONNECT secret:1", "get /secret"] {
        let asked = asked(line, "");
        assert_eq!(asked.request.target, None, "{line}");
        assert_eq!(asked.intent.path(), None, "{line}");
    }
}

#[test]
fn a_log_names_what_was_asked() {
    let table = [
        ("GET /a%20b/../c?x=%22&y", "GET /c?x=%22&y"),
        ("GET /f?a{b}\\", "GET /f?a{b}%5C"),
        ("GET /.f?q", "GET (hidden)"),
        ("BREW /tea/../f", "BREW /f"),
        ("BREW /.f", "BREW (hidden)"),
        ("BREW *", "BREW *"),
        ("CONNECT a:1", "CONNECT a:1"),
        ("get /f?lines=1", "get /f?lines=1"),
        ("OPTIONS *", "OPTIONS *"),
        ("POST /f?line", "POST /f?line"),
    ];
    for (line, expected) in table {
        let asked = asked(line, "");
        let method = asked.request.method.name();
        let target = asked.target_for_log("(hidden)");
        assert_eq!(format!("{method} {target}"), expected, "{line}");
        assert!(!asked.path_for_log("").contains('?'), "{line}");
    }
}

#[test]
fn what_a_request_waits_for() {
    const OPEN: &str = "Range: bytes=0-\r\n";
    const CLOSED: &str = "Range: bytes=0-1\r\n";
    const EVENTS: &str = "Accept: text/event-stream\r\n";
    for (line, fields, waits) in [
        ("GET /a", OPEN, true),
        ("GET /a?lines=3", "", true),
        ("GET /a", "Range: bytes=0-999999999999999\r\n", true),
        ("GET /a", EVENTS, true),
        ("GET /a/?files=b", EVENTS, true),
        ("HEAD /a", "", true),
        ("HEAD /a", OPEN, true),
        ("HEAD /a", CLOSED, true),
        ("HEAD /a/", "Accept: application/json\r\n", true),
        ("GET /a", "", false),
        ("GET /a", CLOSED, false),
        ("GET /a/", "Accept: application/json\r\n", false),
        ("GET /a?generation=0123456789abcdef", OPEN, false),
        ("HEAD /a?generation=0123456789abcdef", "", false),
        ("GET /a?generations", OPEN, false),
        ("GET /.a", OPEN, false),
        ("OPTIONS /a", OPEN, false),
        ("POST /a", "", false),
        // It waits by itself, while it lasts.
        ("GET /a?last-event-id=0123456789abcdef-7", EVENTS, false),
    ] {
        let of = |prefer: &str| asked(line, &format!("{fields}{prefer}")).wait();
        let expected = waits.then_some(5);
        assert_eq!(of("Prefer: wait=5\r\n"), expected, "{line} {fields}");
        assert_eq!(of(""), None, "{line} {fields}");
    }
}
