//! Bodies, against a decoder that has the whole body before it and takes its time.

use openrange::http::request_body::{Decoder, Framing, Malformed};
use openrange::limits::BODY_OVERHEAD_MAX;

/// What a decoder makes of bytes that come in these pieces: content, and how many bytes the body had if it is complete.
fn decode<'a>(
    framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let mut decoder = Decoder::new(framing);
    let (mut content, mut length) = (Vec::new(), 0);
    for piece in pieces {
        let count = decoder.decode(piece, |bytes| content.extend_from_slice(bytes))?;
        length += count;
        if decoder.is_done() {
            return Ok((content, Some(length)));
        }
        assert_eq!(count, piece.len(), "all belongs to an incomplete body");
    }
    Ok((content, decoder.is_done().then_some(length)))
}

fn whole(framing: Framing, bytes: &[u8]) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let result = decode(framing, [bytes]);
    let bytewise = decode(framing, bytes.chunks(1));
    assert_eq!(result, bytewise, "{}", bytes.escape_ascii());
    for at in 0..bytes.len() {
        let (first, rest) = bytes.split_at(at);
        let split = decode(framing, [first, rest]);
        assert_eq!(result, split, "{} split at {at}", bytes.escape_ascii());
    }
    result
}

#[test]
fn by_length() {
    assert!(Decoder::new(Framing::Length(0)).is_done());
    for (length, bytes, content, end) in [
        (3, "abc", "abc", Some(3)),
        (3, "abcGET /", "abc", Some(3)),
        (3, "ab", "ab", None),
        (u64::MAX, "ab", "ab", None),
    ] {
        let expected = Ok((content.as_bytes().to_vec(), end));
        assert_eq!(whole(Framing::Length(length), bytes.as_bytes()), expected);
    }
}

#[test]
fn lengths() {
    for (text, framing) in [
        ("0", Some(Framing::Length(0))),
        ("000", Some(Framing::Length(0))),
        ("18446744073709551615", Some(Framing::Length(u64::MAX))),
        ("18446744073709551616", Some(Framing::Length(u64::MAX))),
        (
            "99999999999999999999999999",
            Some(Framing::Length(u64::MAX)),
        ),
        ("", None),
        ("+1", None),
        ("-1", None),
        ("1 ", None),
        ("1,1", None),
        ("0x1", None),
    ] {
        assert_eq!(Framing::of_length(text.as_bytes()), framing, "{text}");
    }
}

#[test]
fn in_chunks() {
    // Bytes, content, length of the body.
    let table = [
        ("0\r\n\r\n", "", Some(5)),
        ("3\r\nabc\r\n0\r\n\r\nGET", "abc", Some(13)),
        ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", Some(20)),
        ("00000000000003\r\nabc\r\n0\r\n\r\n", "abc", Some(26)),
        ("000\r\n\r\n", "", Some(7)),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", Some(20)),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", Some(20)),
        ("3;x\r\nabc\r\n0;y=z\r\n\r\n", "abc", Some(19)),
        ("3 ; x=\"a;\\\"b\"\r\nabc\r\n0\r\n\r\n", "abc", Some(25)),
        ("3\t;x\r\nabc\r\n0\r\n\r\n", "abc", Some(16)),
        ("0\r\nA: b\r\nC-D:\r\n\r\n", "", Some(17)),
        ("3\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r", Some(13)),
        ("3\r\nab", "ab", None),
        ("3\r\nabc", "abc", None),
        ("3\r\nabc\r\n", "abc", None),
        ("0\r\nA: b\r\n", "", None),
        ("ffffffffffffffff\r\nab", "ab", None),
        ("", "", None),
    ];
    for (bytes, content, end) in table {
        let expected = Ok((content.as_bytes().to_vec(), end));
        let result = whole(Framing::Chunked, bytes.as_bytes());
        assert_eq!(result, expected, "{}", bytes.escape_debug());
    }
}

#[test]
fn what_two_readers_could_read_in_two_ways() {
    for bytes in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\n",
        "3\r\nabc\r\n0\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3 x\r\nabc\r\n0\r\n\r\n",
        "3,x\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
        ";x\r\n",
        "g\r\n",
        "3;x\ny\r\nabc\r\n0\r\n\r\n",
        "3;x\ry\r\nabc\r\n0\r\n\r\n",
        "3;\0\r\nabc\r\n0\r\n\r\n",
        "00000000000000003\r\nabc\r\n0\r\n\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n A: folded\r\n\r\n",
        "0\r\nA: b\r\n folded\r\n\r\n",
        "0\r\nA b\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\n: b\r\n\r\n",
        "0\r\nA: \x01\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA\r\n\r\n",
        // It would be stored before it could be verified.
        "3\r\nabc\r\n0\r\nContent-Digest: sha-256=:x:\r\n\r\n",
        "3\r\nabc\r\n0\r\ncontent-digest:x\r\n\r\n",
    ] {
        let result = whole(Framing::Chunked, bytes.as_bytes());
        assert!(result.is_err(), "{}: {result:?}", bytes.escape_debug());
    }
}

#[test]
fn names_that_begin_like_a_digest() {
    for name in [
        "Content-Digests",
        "Content-Diges",
        "XContent-Digest",
        "Content-Digest-",
    ] {
        let bytes = format!("0\r\n{name}: x\r\n\r\n");
        let result = whole(Framing::Chunked, bytes.as_bytes());
        assert_eq!(result, Ok((Vec::new(), Some(bytes.len()))), "{name}");
    }
}

#[test]
fn what_nobody_wants_is_bounded() {
    let extensions = b"1;x\r\na\r\n".repeat(BODY_OVERHEAD_MAX);
    assert!(decode(Framing::Chunked, [extensions.as_slice()]).is_err());
    let extension = [b"1;".as_slice(), &vec![b'x'; BODY_OVERHEAD_MAX]].concat();
    assert!(decode(Framing::Chunked, [extension.as_slice()]).is_err());
    let fields = [b"0\r\n".as_slice(), &b"a:\r\n".repeat(101)].concat();
    assert!(decode(Framing::Chunked, [fields.as_slice()]).is_err());
    let value = [b"0\r\na:".as_slice(), &vec![b'x'; BODY_OVERHEAD_MAX]].concat();
    assert!(decode(Framing::Chunked, [value.as_slice()]).is_err());
    // But not the number of chunks.
    let chunks = b"1\r\na\r\n".repeat(BODY_OVERHEAD_MAX);
    let content = decode(Framing::Chunked, [chunks.as_slice()]).map(|(content, _)| content.len());
    assert_eq!(content, Ok(BODY_OVERHEAD_MAX));
}

#[test]
fn what_the_head_says() {
    for (digits, expected) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("18446744073709551616", Some(u64::MAX)),
        ("", None),
        ("+7", None),
        ("7 ", None),
    ] {
        let framing = Framing::of_length(digits.as_bytes());
        let length = framing.map(|framing| framing.length().expect("a length"));
        assert_eq!(length, expected, "{digits}");
        assert_eq!(framing.is_some_and(Framing::is_empty), digits == "0");
    }
    assert_eq!(
        (Framing::Chunked.length(), Framing::Chunked.is_empty()),
        (None, false)
    );
}
