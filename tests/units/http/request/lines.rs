//! Request lines and line ends that are refused.

use openrange::http::request::Refusal;
use openrange::http::request::Refusal::{Malformed, Version};

use super::{accepted, refused, with_fields, with_line};

const TLS: Refusal = Malformed("the client speaks TLS (https), but this port speaks plain HTTP");
const LINE: Refusal = Malformed("malformed request line");
const BARE_LF: Refusal = Malformed("bare LF in the head");
const BARE_CR: Refusal = Malformed("bare CR in the head");
const NAME: Refusal = Malformed("malformed field name or folded line");
const FORM: Refusal = Malformed("the request target is neither a path nor an http URI");
const CHARACTER: Refusal =
    Malformed("character in the request target that must be percent-encoded");
const ENCODING: Refusal = Malformed("invalid percent-encoding in the request target");
const OUTSIDE: Refusal = Malformed("the request target leaves the served directory");
const ASTERISK: Refusal = Malformed("the target * is for OPTIONS");

#[test]
fn request_lines() {
    let table: &[(&[u8], Refusal)] = &[
        // Parts missing, or separated by anything but one space.
        (b"GET", LINE),
        (b"GET /", LINE),
        (b"GET / ", LINE),
        (b"GET HTTP/1.1", LINE),
        (b"GET  HTTP/1.1", LINE),
        (b"/ HTTP/1.1", LINE),
        (b"HTTP/1.1", LINE),
        (b"HTTP/1.1 200 OK", LINE),
        (b" GET / HTTP/1.1", LINE),
        (b"\tGET / HTTP/1.1", LINE),
        (b"GET\t/ HTTP/1.1", LINE),
        (b"GET /\tHTTP/1.1", LINE),
        (b"GET  / HTTP/1.1", LINE),
        (b"GET /  HTTP/1.1", LINE),
        (b"GET / HTTP/1.1 ", LINE),
        (b"GET / HTTP/1.1\t", LINE),
        (b"GET / HTTP/1.1 x", LINE),
        (b"GET /a b HTTP/1.1", LINE),
        (b"GET / HTTP/1.1 HTTP/1.1", LINE),
        (b"GET /a b HTTP/1.2", LINE),
        (b"GET\x0b/ HTTP/1.1", LINE),
        (b"GET\x0c/ HTTP/1.1", LINE),
        (b"GET\xa0/ HTTP/1.1", LINE),
        // Methods that are no tokens.
        (b"G(T / HTTP/1.1", LINE),
        (b"GET: / HTTP/1.1", LINE),
        (b"G\0T / HTTP/1.1", LINE),
        (b"G\xc3\x89T / HTTP/1.1", LINE),
        (b"\"GET\" / HTTP/1.1", LINE),
        (b"GET,HEAD / HTTP/1.1", LINE),
        (b"G@T / HTTP/1.1", LINE),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", TLS),
        // Versions that are none.
        (b"GET / http/1.1", LINE),
        (b"GET / Http/1.1", LINE),
        (b"GET / HTTP/1.", LINE),
        (b"GET / HTTP/1", LINE),
        (b"GET / HTTP/", LINE),
        (b"GET / HTTP", LINE),
        (b"GET / HTTP1.1", LINE),
        (b"GET / HTTP/11", LINE),
        (b"GET / HTTP/01.1", LINE),
        (b"GET / HTTP/1.01", LINE),
        (b"GET / HTTP/1.10", LINE),
        (b"GET / HTTP/1.1x", LINE),
        (b"GET / HTTP/1.x", LINE),
        (b"GET / HTTP/+1.1", LINE),
        (b"GET / HTTP/-1.1", LINE),
        (b"GET / HTTP/1,1", LINE),
        (b"GET / HTTP\\1.1", LINE),
        (b"GET / HTTP/10.1", LINE),
        (b"GET / HTTP/ 1.1", LINE),
        (b"GET / HTTPS/1.1", LINE),
        (b"GET / ICY/1.1", LINE),
        (b"GET / RTSP/1.0", LINE),
        // Versions of another major number.
        (b"GET / HTTP/0.9", Version),
        (b"GET / HTTP/0.0", Version),
        (b"GET / HTTP/2.0", Version),
        (b"GET / HTTP/2.1", Version),
        (b"GET / HTTP/3.0", Version),
        (b"GET / HTTP/9.9", Version),
        (b"PRI * HTTP/2.0", Version),
        // Targets.
        (b"GET /\0 HTTP/1.1", LINE),
        (b"GET /\x01 HTTP/1.1", LINE),
        (b"GET /\x7f HTTP/1.1", LINE),
        (b"GET /\xff HTTP/1.1", LINE),
        (b"GET /\xc3\xa9 HTTP/1.1", CHARACTER),
        (b"GET /\" HTTP/1.1", CHARACTER),
        (b"GET /< HTTP/1.1", CHARACTER),
        (b"GET /> HTTP/1.1", CHARACTER),
        (b"GET /\\ HTTP/1.1", CHARACTER),
        (b"GET /^ HTTP/1.1", CHARACTER),
        (b"GET /` HTTP/1.1", CHARACTER),
        (b"GET /{ HTTP/1.1", CHARACTER),
        (b"GET /| HTTP/1.1", CHARACTER),
        (b"GET /} HTTP/1.1", CHARACTER),
        (b"GET /#fragment HTTP/1.1", CHARACTER),
        (b"GET foo HTTP/1.1", FORM),
        (b"GET host:80 HTTP/1.1", FORM),
        (b"GET ? HTTP/1.1", FORM),
        (b"GET ftp://a/ HTTP/1.1", FORM),
        (b"GET http:/ HTTP/1.1", FORM),
        (b"GET http:// HTTP/1.1", FORM),
        (b"GET http:///f HTTP/1.1", FORM),
        (b"OPTIONS foo HTTP/1.1", FORM),
        (b"GET * HTTP/1.1", ASTERISK),
        (b"HEAD * HTTP/1.1", ASTERISK),
        (b"GET /% HTTP/1.1", ENCODING),
        (b"GET /%2 HTTP/1.1", ENCODING),
        (b"GET /%zz HTTP/1.1", ENCODING),
        (b"GET /%u0041 HTTP/1.1", ENCODING),
        (b"GET /%00 HTTP/1.1", ENCODING),
        (b"GET /.. HTTP/1.1", OUTSIDE),
        (b"GET /../etc/passwd HTTP/1.1", OUTSIDE),
        (b"GET /a/../../b HTTP/1.1", OUTSIDE),
        (b"GET /%2e%2E/b HTTP/1.1", OUTSIDE),
        (b"GET http://a/../b HTTP/1.1", OUTSIDE),
        (b"OPTIONS /../b HTTP/1.1", OUTSIDE),
    ];
    for (line, expected) in table {
        refused(&with_line(line), *expected);
    }
}

#[test]
fn line_ends() {
    let table: &[(&[u8], Refusal)] = &[
        (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BARE_LF),
        (b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BARE_LF),
        (b"GET / HTTP/1.1\nHost: a\n\n", BARE_LF),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", BARE_LF),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", BARE_LF),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", BARE_LF),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", BARE_LF),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", BARE_LF),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: b\nContent-Length: 3\r\n\r\n",
            BARE_LF,
        ),
        (b"GET /\n HTTP/1.1\r\nHost: a\r\n\r\n", BARE_LF),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \n\r\n\r\n", BARE_LF),
        (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
        (b"\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
        (b"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\rHost: a\r\r", BARE_CR),
        (b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
        (b"GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \rb\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHo\rst: a\r\n\r\n", BARE_CR),
        // Both: the first one is told, as when they arrive one by one.
        (b"GET / HTTP/1.1\r\nHost: a\rb\nX: c\r\n\r\n", BARE_CR),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b\rc\r\n\r\n", BARE_LF),
        // The first line after the request line is folded.
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", NAME),
        (b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", NAME),
    ];
    for (head, expected) in table {
        refused(head, *expected);
    }
}

#[test]
fn bare_line_ends_wherever_they_stand() {
    for before in 0..70 {
        let field = format!("X: {}", "y".repeat(before));
        accepted(&with_fields(field.as_bytes()));
        for (end, why) in [("\n", BARE_LF), ("\r", BARE_CR), ("\n\r", BARE_LF)] {
            let lines = [field.as_str(), end, "Z: z"].concat();
            refused(&with_fields(lines.as_bytes()), why);
        }
    }
}
