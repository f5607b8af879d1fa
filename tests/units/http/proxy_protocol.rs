//! `http::proxy_protocol`: any bytes, in any pieces.

use openrange::http::proxy_protocol::parse;

use crate::support::random::Random;

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
