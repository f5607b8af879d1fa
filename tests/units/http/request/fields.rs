//! Field lines that are refused.

use openrange::http::request::Refusal;
use openrange::http::request::Refusal::{Malformed, UnknownCoding};

const NAME: Refusal = Malformed("malformed field name or folded line");
const VALUE: Refusal = Malformed("control character in a field value");
const NO_HOST: Refusal = Malformed("no Host field");
const HOSTS: Refusal = Malformed("repeated Host field");
const BAD_HOST: Refusal = Malformed("malformed Host field");
const BAD_AUTHORITY: Refusal = Malformed("malformed host in the request target");
const LENGTH: Refusal = Malformed("malformed Content-Length");
const LENGTHS: Refusal = Malformed("repeated Content-Length");
const CODINGS: Refusal = Malformed("repeated Transfer-Encoding");
const NO_CODING: Refusal = Malformed("empty Transfer-Encoding");
const BOTH: Refusal = Malformed("both Content-Length and Transfer-Encoding");
const OLD_CODING: Refusal = Malformed("Transfer-Encoding in HTTP/1.0");

#[test]
fn syntax() {
    let table: &[(&[u8], Refusal)] = &[
        (b"X : b", NAME),
        (b"X\t: b", NAME),
        (b"X y: b", NAME),
        (b" X: b", NAME),
        (b"\tX: b", NAME),
        (b"X: b\r\n c", NAME),
        (b"X: b\r\n\tc", NAME),
        (b"X: b\r\n ", NAME),
        (b"X:\r\n b", NAME),
        (b"X", NAME),
        (b"X b", NAME),
        (b":", NAME),
        (b": b", NAME),
        (b"X(: b", NAME),
        (b"X\0: b", NAME),
        (b"X\x01: b", NAME),
        (b"X\x7f: b", NAME),
        (b"X\xe9: b", NAME),
        (b"\"X\": b", NAME),
        (b"X/Y: b", NAME),
        (b"X@Y: b", NAME),
        (b"X[0]: b", NAME),
        (b"{X}: b", NAME),
        (b"X,Y: b", NAME),
        (b"X;Y: b", NAME),
        (b"X=Y: b", NAME),
        (b"X\\Y: b", NAME),
        (b"GET / HTTP/1.1", NAME),
        (b"X: b\0c", VALUE),
        (b"X: \0", VALUE),
        (b"X: b\x01", VALUE),
        (b"X: b\x08c", VALUE),
        (b"X: b\x0bc", VALUE),
        (b"X: b\x0cc", VALUE),
        (b"X: b\x1bc", VALUE),
        (b"X: b\x1f", VALUE),
        (b"X: b\x7fc", VALUE),
        // No fold, however plausible: the smuggler's form.
        (b"Transfer-Encoding:\r\n chunked", NAME),
        (b"Transfer-Encoding : chunked", NAME),
        (b"Content-Length : 3", NAME),
        (b"Transfer-Encoding: chunked\x0b", VALUE),
        (b"Content-Length: 3\0", VALUE),
    ];
    for (fields, expected) in table {
        super::refused(&super::with_fields(fields), *expected);
    }
}

#[test]
fn host() {
    let table: &[(&[u8], Refusal)] = &[
        (b"GET / HTTP/1.1\r\n\r\n", NO_HOST),
        (b"HEAD / HTTP/1.1\r\n\r\n", NO_HOST),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", NO_HOST),
        (b"POST / HTTP/1.1\r\n\r\n", NO_HOST),
        (b"GET / HTTP/1.2\r\n\r\n", NO_HOST),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", NO_HOST),
        (b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", NO_HOST),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HOSTS),
        (b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", HOSTS),
        (b"GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n", HOSTS),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", HOSTS),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: <a>\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", BAD_HOST),
        // A port is digits, and an address with colons stands in brackets.
        (b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: [\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: []\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: [::1]:a\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: [::1]:80]\r\n\r\n", BAD_HOST),
        (b"GET / HTTP/1.1\r\nHost: a]\r\n\r\n", BAD_HOST),
        (
            b"GET http://a:8x/ HTTP/1.1\r\nHost: a\r\n\r\n",
            BAD_AUTHORITY,
        ),
        (
            b"GET http://user@[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
            BAD_AUTHORITY,
        ),
    ];
    for (head, expected) in table {
        super::refused(head, *expected);
    }
}

#[test]
fn lengths_and_codings() {
    let table: &[(&[u8], Refusal)] = &[
        (b"Content-Length:", LENGTH),
        (b"Content-Length: +1", LENGTH),
        (b"Content-Length: -1", LENGTH),
        (b"Content-Length: -0", LENGTH),
        (b"Content-Length: 1 2", LENGTH),
        (b"Content-Length: 1.0", LENGTH),
        (b"Content-Length: 1e2", LENGTH),
        (b"Content-Length: 0x10", LENGTH),
        (b"Content-Length: 1_000", LENGTH),
        (b"Content-Length: 5,5", LENGTH),
        (b"Content-Length: 5, 5", LENGTH),
        (b"Content-Length: 0, 5", LENGTH),
        (b"Content-Length: 5,", LENGTH),
        (b"Content-Length: five", LENGTH),
        (b"Content-Length: \"5\"", LENGTH),
        (b"Content-Length: \xd9\xa1", LENGTH),
        (b"Content-Length: 5\r\nContent-Length: 5", LENGTHS),
        (b"Content-Length: 5\r\nContent-Length: 6", LENGTHS),
        (b"Content-Length: 0\r\ncontent-length: 0", LENGTHS),
        (b"Content-Length: 0\r\nX: b\r\nContent-Length:", LENGTHS),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", BOTH),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", BOTH),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked", BOTH),
        (b"Content-Length: 0\r\nTransfer-Encoding: identity", BOTH),
        (b"Content-Length: 0\r\nTransfer-Encoding:", BOTH),
        (b"Content-Length: x\r\nTransfer-Encoding: chunked", BOTH),
        (
            b"Content-Length: 1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            BOTH,
        ),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 1",
            BOTH,
        ),
        (b"Transfer-Encoding:", NO_CODING),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            CODINGS,
        ),
        (
            b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            CODINGS,
        ),
        (
            b"Transfer-Encoding: chunked\r\ntransfer-encoding: identity",
            CODINGS,
        ),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding:", CODINGS),
        (b"Transfer-Encoding: gzip", UnknownCoding),
        (b"Transfer-Encoding: identity", UnknownCoding),
        (b"Transfer-Encoding: gzip, chunked", UnknownCoding),
        (b"Transfer-Encoding: chunked, gzip", UnknownCoding),
        (b"Transfer-Encoding: chunked, chunked", UnknownCoding),
        (b"Transfer-Encoding: chunked,", UnknownCoding),
        (b"Transfer-Encoding: ,chunked", UnknownCoding),
        (b"Transfer-Encoding: chunked;q=1", UnknownCoding),
        (b"Transfer-Encoding: xchunked", UnknownCoding),
        (b"Transfer-Encoding: \"chunked\"", UnknownCoding),
        (b"Transfer-Encoding: chunked chunked", UnknownCoding),
        (b"Transfer-Encoding: chunked\xa0", UnknownCoding),
    ];
    for (fields, expected) in table {
        super::refused(&super::with_fields(fields), *expected);
        // The method does not matter: the danger is in the bytes behind the head.
        let post = [b"POST / HTTP/1.1\r\nHost: a\r\n", *fields, b"\r\n\r\n"].concat();
        super::refused(&post, *expected);
    }
}

#[test]
fn codings_of_http_1_0() {
    for coding in ["chunked", "gzip", "identity", ""] {
        let head = format!("GET / HTTP/1.0\r\nTransfer-Encoding: {coding}\r\n\r\n");
        super::refused(head.as_bytes(), OLD_CODING);
    }
    super::refused(
        b"GET / HTTP/1.0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        BOTH,
    );
}
