//! `http::cors`: which origins are understood, and what is said to them.

use openrange::http::cors::Cors;

#[test]
fn origins() {
    let long = format!("https://{}", "a".repeat(292));
    let right = [
        "https://example.org",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "chrome-extension://abcdefgh",
        &long,
    ];
    for origin in right {
        let cors = Cors::parse(origin).unwrap_or_else(|why| panic!("{origin}: {why}"));
        let line = format!("Access-Control-Allow-Origin: {origin}\r\n");
        assert!(cors.lines().starts_with(&line), "{}", cors.lines());
        assert!(cors.varies());
    }
    assert!(!Cors::parse("*").unwrap().varies());
    let longer = format!("{long}a");
    let wrong = [
        "",
        "null",
        "example.org",
        "https://",
        "://example.org",
        "https://example.org/",
        "https://Example.org",
        "HTTPS://example.org",
        "https://*.example.org",
        "https://a.example, https://b.example",
        "https://a b",
        "https://a\r\nX: y",
        "https://ex\u{e4}mple.org",
        "https://user@example.org",
        "**",
        &longer,
    ];
    for origin in wrong {
        assert!(Cors::parse(origin).is_err(), "{origin}");
    }
}

#[test]
fn lines_are_field_lines() {
    for origin in ["*", "https://example.org"] {
        let cors = Cors::parse(origin).unwrap();
        assert!(cors.lines().ends_with("\r\n"));
        for line in cors.lines().trim_end().split("\r\n") {
            let (name, value) = line.split_once(": ").expect(line);
            assert!(name.starts_with("Access-Control-"), "{line}");
            assert!(
                value.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{line}"
            );
        }
    }
}
