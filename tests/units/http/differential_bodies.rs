//! Whatever chunked body is accepted, a second and independent decoder (picohttpparser) finds the same content in it and the
//! same end. So the request behind a body is the same one for everybody who reads the connection.

use std::collections::BTreeSet;

use openrange::http::request_body::{Decoder, Framing};

use super::differential::second;
use crate::support::random::Random;
use crate::support::seeds;
use crate::support::smuggling::{Outcome, bytes, rows};

/// What a decoder makes of bytes: the content, and where the body ends; `None` there: it is incomplete.
type Decoded = (Vec<u8>, Option<usize>);

/// `None`: malformed.
fn ours(bytes: &[u8]) -> Option<Decoded> {
    let (mut decoder, mut content) = (Decoder::new(Framing::Chunked), Vec::new());
    let count = decoder.decode(bytes, |piece| content.extend_from_slice(piece));
    let count = count.ok()?;
    Some((content, decoder.is_done().then_some(count)))
}

fn theirs(bytes: &[u8]) -> Option<Decoded> {
    // SAFETY: a struct of numbers, which is to begin with zeros.
    let mut decoder: picohttpparser_sys::phr_chunked_decoder = unsafe { std::mem::zeroed() };
    decoder.consume_trailer = 1;
    let (mut content, mut length) = (bytes.to_vec(), bytes.len());
    // SAFETY: all pointers are to live variables, and the length is that of the buffer.
    let rest = unsafe {
        picohttpparser_sys::phr_decode_chunked(
            &raw mut decoder,
            content.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    content.truncate(length);
    match rest {
        -2 => Some((content, None)),
        rest => {
            let rest = usize::try_from(rest).ok()?;
            Some((content, Some(bytes.len() - rest)))
        }
    }
}

const SIZES: [&str; 16] = [
    "1",
    "2",
    "3",
    "03",
    "5",
    "a",
    "A",
    "1a",
    "10",
    "0",
    "000",
    "+3",
    "0x3",
    " 3",
    "fffffffffffffffff",
    "",
];
const EXTENSIONS: [&str; 8] = ["", "", "", ";x", ";x=y", " ; x=\"a;b\"", " ", ";x\ry"];
const ENDS: [&str; 12] = [
    CRLF, CRLF, CRLF, CRLF, CRLF, CRLF, CRLF, CRLF, CRLF, CRLF, "\n", "\r",
];
const CRLF: &str = "\r\n";
const TRAILERS: [&str; 7] = [
    "",
    "",
    "",
    "A: b\r\n",
    "A: b\r\nC:\r\n",
    " folded\r\n",
    "A: b\n",
];

/// Chunks, a last chunk, trailers and the beginning of another request; a part of them may be wrong, and the end missing.
fn body(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.pick(&["", "x", "xx", "xxx"]).len() {
        let size = random.pick(&SIZES);
        let length = usize::from_str_radix(size, 16).unwrap_or(3).min(32);
        let content = &b"\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"[..length];
        for piece in [size, random.pick(&EXTENSIONS), random.pick(&ENDS)] {
            bytes.extend_from_slice(piece.as_bytes());
        }
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(random.pick(&ENDS).as_bytes());
    }
    let behind = "GET / HTTP/1.1\r\n";
    for piece in [
        "0",
        random.pick(&EXTENSIONS),
        "\r\n",
        random.pick(&TRAILERS),
        random.pick(&ENDS),
        behind,
    ] {
        bytes.extend_from_slice(piece.as_bytes());
    }
    if random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len() as u64) as usize);
    }
    bytes
}

#[test]
fn an_independent_decoder_finds_the_same_content_and_the_same_end() {
    seeds::run(&["malformed", "incomplete", "empty", "whole"], |seed| {
        let bytes = body(&mut Random::new(seed));
        let found = ours(&bytes);
        if found.is_some() {
            assert_eq!(found, theirs(&bytes), "{}", bytes.escape_ascii());
        }
        BTreeSet::from([match found {
            None => "malformed",
            Some((_, None)) => "incomplete",
            Some((content, Some(_))) if content.is_empty() => "empty",
            Some((_, Some(_))) => "whole",
        }])
    });
}

/// What the second parser makes of a request with a body: the content, and where it ends.
fn read_by_second(bytes: &[u8]) -> Option<Decoded> {
    let head = second(bytes)?;
    let body = &bytes[head.length..];
    let value = |name: &[u8]| {
        let mut fields = head.fields.iter();
        fields.find_map(|(other, value)| (other == name).then_some(value))
    };
    if value(b"transfer-encoding").is_some() {
        return theirs(body);
    }
    let length = str::from_utf8(value(b"content-length")?).ok()?;
    let length: usize = length.trim().parse().ok()?;
    Some((body.get(..length)?.to_vec(), Some(length)))
}

/// The table of bodies that could be read in two ways: what is accepted of it is read in one way only.
#[test]
fn an_independent_parser_reads_the_same_bodies() {
    let next = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for row in rows() {
        let Outcome::Content(content) = row.3 else {
            continue;
        };
        let bytes = bytes(row);
        let whole = format!("{bytes}{next}");
        let head = second(whole.as_bytes()).expect("a head");
        let expected = Some((content.as_bytes().to_vec(), Some(bytes.len() - head.length)));
        assert_eq!(read_by_second(whole.as_bytes()), expected, "{bytes:?}");
    }
}
