//! `http::request_line`: what a log says of a head that is refused.

use openrange::http::request_line::RequestLine;

#[test]
fn what_can_be_read_is_kept_and_printable() {
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1000));
    let cut = format!("GET /{} HTTP/1.1", "x".repeat(511));
    for (bytes, line) in [
        (
            "GET /log HTTP/1.1\r\nHost: x\r\n",
            Some("GET /log HTTP/1.1"),
        ),
        ("\r\nGET /log HTTP/1.0\n", Some("GET /log HTTP/1.0")),
        ("POST /in?token=x#y HTTP/1.1\r\n", Some("POST /in HTTP/1.1")),
        ("GET /log", Some("GET /log")),
        ("GET /log HTTP/1\r\n", Some("GET /log")),
        ("GET /log HTTQ/1.1\r\n", Some("GET /log")),
        (
            "GET /a\"b\\c\u{1b}[m\u{e9} HTTP/1.1\n",
            Some("GET /a%22b%5Cc%1B[m%C3%A9 HTTP/1.1"),
        ),
        (&long, Some(&cut)),
        ("get /log HTTP/1.1\r\n", None),
        ("GET log HTTP/1.1\r\n", None),
        ("GET http://x/log HTTP/1.1\r\n", None),
        ("GET", None),
        ("", None),
        ("\u{16}\u{3}\u{1}", None),
    ] {
        let read = RequestLine::of(bytes.as_bytes()).map(|line| {
            let version = line.version.map(|version| format!(" {version}"));
            format!(
                "{} {}{}",
                line.method,
                line.path,
                version.unwrap_or_default()
            )
        });
        assert_eq!(read.as_deref(), line, "{bytes:?}");
    }
}
