//! `http::proxy_protocol`: any bytes, in any pieces.

use openrange::http::proxy_protocol::{Malformed, Source, is_text, parse};

use crate::support::random::Random;

#[test]
fn sources() {
    // Command and family, the bytes behind the length, the source; none: the proxy speaks for itself. `Err`: no header.
    const V6: [u8; 36] = [
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 1, 0x1f, 0x90, 0, 80,
    ];
    const V4: [u8; 12] = [192, 0, 2, 7, 127, 0, 0, 1, 0x1f, 0x90, 0, 80];
    let longer = [&V6[..], b"type, length, value"].concat();
    type Row<'a> = ([u8; 2], &'a [u8], Result<Option<&'a str>, ()>);
    let table: &[Row<'_>] = &[
        ([0x21, 0x11], &V4, Ok(Some("192.0.2.7"))),
        ([0x21, 0x21], &V6, Ok(Some("2001:db8::7"))),
        ([0x21, 0x21], &longer, Ok(Some("2001:db8::7"))),
        ([0x21, 0x11], &V4[..11], Err(())),
        ([0x21, 0x21], &V6[..35], Err(())),
        ([0x20, 0x11], &V4, Ok(None)),
        ([0x20, 0x00], b"", Ok(None)),
        ([0x21, 0x00], b"", Ok(None)),
        ([0x21, 0x31], &[0; 216], Ok(None)),
        ([0x21, 0x31], &[0; 215], Err(())),
        ([0x21, 0x12], &V4, Err(())),
        ([0x22, 0x11], &V4, Err(())),
        ([0x11, 0x11], &V4, Err(())),
    ];
    for (kind, rest, expected) in table {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(&(rest.len() as u16).to_be_bytes());
        bytes.extend_from_slice(rest);
        let length = bytes.len();
        bytes.extend_from_slice(b"GET /");
        let source = |address: &str| (address.parse().expect("an address"), 8080);
        let expected = expected.map(|address| Some((address.map(source), length)));
        assert_eq!(
            parse(&bytes).map_err(|_| ()),
            expected,
            "{kind:x?}, {} bytes",
            rest.len()
        );
    }
}

#[test]
fn lines_of_text() {
    let tcp = |address: &str, port| Ok(Some((address.parse().expect("an address"), port)));
    let table: [(&str, Result<Source, ()>); 16] = [
        ("TCP4 192.0.2.7 127.0.0.1 8080 80", tcp("192.0.2.7", 8080)),
        ("TCP6 2001:db8::7 ::1 65535 80", tcp("2001:db8::7", 65535)),
        ("TCP6 ::ffff:192.0.2.7 ::1 1 80", tcp("192.0.2.7", 1)),
        ("UNKNOWN", Ok(None)),
        ("UNKNOWN ffff::1 and whatever", Ok(None)),
        ("TCP4 2001:db8::7 ::1 8080 80", Err(())),
        ("TCP6 192.0.2.7 127.0.0.1 8080 80", Err(())),
        ("TCP4 192.0.2.7 127.0.0.1 8080", Err(())),
        ("TCP4 192.0.2.7 127.0.0.1 8080 80 1", Err(())),
        ("TCP4  192.0.2.7 127.0.0.1 8080 80", Err(())),
        ("TCP4 192.0.2.7 127.0.0.1 65536 80", Err(())),
        ("TCP4 192.0.2 127.0.0.1 8080 80", Err(())),
        ("TCP5 192.0.2.7 127.0.0.1 8080 80", Err(())),
        ("UDP4 192.0.2.7 127.0.0.1 8080 80", Err(())),
        ("unknown", Err(())),
        ("", Err(())),
    ];
    for (line, expected) in table {
        let text = format!("PROXY {line}\r\nGET /");
        let expected = expected.map(|source| Some((source, text.len() - 5)));
        assert_eq!(parse(text.as_bytes()).map_err(|_| ()), expected, "{line}");
        // Whoever does not expect it knows it from a request.
        let known = line.starts_with("TCP") || line.starts_with("UNKNOWN");
        assert_eq!(is_text(text.as_bytes()), known, "{line}");
    }
    assert!(!is_text(b"PROXYTCP4") && !is_text(b"GET / HTTP/1.1\r\n"));
    let long = |length: usize| format!("PROXY UNKNOWN {}", "x".repeat(length - 14));
    assert_eq!(parse(long(106).as_bytes()), Ok(None));
    assert_eq!(parse(long(107).as_bytes()), Err(Malformed));
    let whole = long(105) + "\r\n";
    assert_eq!(parse(whole.as_bytes()), Ok(Some((None, 107))));
}

/// What a beginning is taken for does not change when more comes: not yet, then one verdict.
#[test]
fn a_verdict_stands() {
    let heads: &[&[u8]] = &[
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET /",
        b"PROXY UNKNOWN\r\n\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c!",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\x00",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    let mut random = Random::new(1);
    for round in 0..4000 {
        let mut bytes = heads[round % heads.len()].to_vec();
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        let whole = parse(&bytes);
        for end in 0..bytes.len() {
            match parse(&bytes[..end]) {
                Ok(None) => {}
                verdict => assert_eq!(verdict, whole, "{bytes:?} {end}"),
            }
        }
        if let Ok(Some((_, length))) = whole {
            assert!(length <= bytes.len());
        }
    }
}
