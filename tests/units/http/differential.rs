//! Whatever head is accepted, a second and independent parser (picohttpparser, the one of the H2O
//! server) reads the same way and with the same end. So nobody who stands between a client and this
//! server can be led to see other requests than it sees.
//!
//! Heads are made from pieces, good and bad, by a seeded generator, and mutated byte by byte.

use std::collections::HashMap;
use std::ffi::c_int;
use std::ptr;

use openrange::http::request::{self, Method};
use openrange::http::target::{self, Target};

/// What the second parser says of a head.
pub(super) struct Second {
    pub(super) length: usize,
    method: Vec<u8>,
    target: Vec<u8>,
    minor: c_int,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(super) fn second(bytes: &[u8]) -> Option<Second> {
    let (mut method, mut method_length) = (ptr::null(), 0usize);
    let (mut path, mut path_length) = (ptr::null(), 0usize);
    let mut minor = 0;
    // SAFETY: an array of structs of pointers and lengths, for which zero is a value.
    let mut headers: [picohttpparser_sys::phr_header; 128] = unsafe { std::mem::zeroed() };
    let mut count = headers.len();
    // SAFETY: every pointer is to a live variable, and the lengths are those of the buffers.
    let length = unsafe {
        picohttpparser_sys::phr_parse_request(
            bytes.as_ptr().cast(),
            bytes.len(),
            &raw mut method,
            &raw mut method_length,
            &raw mut path,
            &raw mut path_length,
            &raw mut minor,
            headers.as_mut_ptr(),
            &raw mut count,
            0,
        )
    };
    let length = usize::try_from(length).ok()?;
    // SAFETY: after success they are slices of `bytes`.
    let slice = |start: *const _, length| unsafe { std::slice::from_raw_parts(start, length) };
    let copy = |start: *const std::ffi::c_char, length| slice(start.cast::<u8>(), length).to_vec();
    Some(Second {
        length,
        method: copy(method, method_length),
        target: copy(path, path_length),
        minor,
        fields: headers[..count]
            .iter()
            .map(|header| {
                assert!(!header.name.is_null(), "a folded line was accepted");
                (
                    copy(header.name, header.name_len).to_ascii_lowercase(),
                    copy(header.value, header.value_len),
                )
            })
            .collect(),
    })
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }
}

const METHODS: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"OPTIONS",
    b"POST",
    b"get",
    b"M-SEARCH",
    b"G(T",
    b"",
];
const TARGETS: &[&[u8]] = &[
    b"/",
    b"/a",
    b"/a/b?c=d",
    b"/%41%2e",
    b"http://h/x",
    b"*",
    b"/a b",
    b"/\xc3\xa9",
    b"/a#b",
    b"//x",
    b"h:1",
    b"/..",
];
const VERSIONS: &[&[u8]] = &[
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"",
];
const FIELDS: &[&[u8]] = &[
    b"Host: h",
    b"Host: h:80",
    b"host:",
    b"Host: a b",
    b"Range: bytes=0-",
    b"Range:bytes=1-2 ",
    b"Connection: close",
    b"Connection: keep-alive, x",
    b"TE: trailers",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"X: \xff\xfe",
    b"X:\ty\t",
    b" folded",
    b"\tfolded",
    b"X\x00: y",
    b"X: \x00",
    b": no name",
    b"no colon",
    b"X: a\rb",
    b"If-Match: \"x\"",
];
const ENDS: &[&[u8]] = &[
    b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n",
];

fn head(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    if random.below(8) == 0 {
        bytes.extend_from_slice(b"\r\n");
    }
    // Mostly a good request line, so that the fields are reached.
    let good = random.below(4) > 0;
    bytes.extend_from_slice(if good { b"GET" } else { random.pick(METHODS) });
    bytes.push(b' ');
    bytes.extend_from_slice(if good { b"/a" } else { random.pick(TARGETS) });
    bytes.push(b' ');
    bytes.extend_from_slice(if good {
        b"HTTP/1.1"
    } else {
        random.pick(VERSIONS)
    });
    bytes.extend_from_slice(b"\r\n");
    if random.below(4) > 0 {
        bytes.extend_from_slice(b"Host: h\r\n");
    }
    for _ in 0..random.below(4) {
        bytes.extend_from_slice(random.pick(FIELDS));
        bytes.extend_from_slice(if good { b"\r\n" } else { random.pick(ENDS) });
    }
    bytes.extend_from_slice(if good { b"\r\n" } else { random.pick(ENDS) });
    bytes.extend_from_slice(random.pick(&[b"", b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"0\r\n\r\n"]));
    for _ in 0..random.below(3) {
        let at = random.below(bytes.len());
        match random.below(3) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes.insert(
                at,
                random.pick(&[b"\r", b"\n", b" ", b"\t", b":", b"\0", b",", b"1"])[0],
            ),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

/// The body rule of RFC 9112 section 6.3, from the second parser's fields: `None` if it is ambiguous.
fn body(fields: &HashMap<&[u8], Vec<&[u8]>>) -> Option<bool> {
    let of = |name: &[u8]| fields.get(name).map_or(&[][..], Vec::as_slice);
    match (of(b"content-length"), of(b"transfer-encoding")) {
        ([], []) => Some(false),
        ([length], []) => str::from_utf8(length)
            .ok()?
            .parse::<u64>()
            .ok()
            .map(|length| length > 0),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Some(true),
        _ => None,
    }
}

fn check(bytes: &[u8]) -> bool {
    let Ok(Some((ours, length))) = request::parse(bytes) else {
        return false;
    };
    // Empty lines before a request line may be skipped; the other parser skips one at most.
    let skipped = bytes.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2;
    let theirs = second(&bytes[skipped..]).expect("accepted, but the other parser refuses it");
    assert_eq!(length, skipped + theirs.length, "the end of the head");
    let mut fields: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for (name, value) in &theirs.fields {
        // This one leaves the blanks behind a value to its caller (RFC 9112 section 5.1).
        let blanks = value
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        fields
            .entry(name)
            .or_default()
            .push(&value[..value.len() - blanks]);
    }
    match ours.method {
        Method::Other(name) => assert!(theirs.method.starts_with(name.as_bytes())),
        method => {
            assert_eq!(method.name().as_bytes(), theirs.method);
            assert_eq!(ours.target, target::decode(&theirs.target).ok());
        }
    }
    assert_eq!(ours.http10, theirs.minor == 0);
    let hosts = fields.get(b"host".as_slice()).map_or(0, Vec::len);
    assert!(
        hosts == 1 || ours.http10 && hosts == 0,
        "{hosts} Host fields"
    );
    let body = body(&fields).expect("accepted with an ambiguous body");
    assert!(
        !(body && ours.keep_alive),
        "a connection with a body stays open"
    );
    if ours.range.is_some() {
        assert_eq!(
            fields[b"range".as_slice()].len(),
            1,
            "one of several ranges was taken"
        );
    }
    assert!(
        ours.target != Some(Target::Asterisk) || !matches!(ours.method, Method::Get | Method::Head)
    );
    true
}

#[test]
fn an_independent_parser_reads_every_accepted_head_the_same_way() {
    let seed = std::env::var("OPENRANGE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1u64);
    let mut random = Random(seed | 1 << 63);
    let mut accepted = 0;
    let runs = 200_000;
    for run in 0..runs {
        let bytes = head(&mut random);
        let result = std::panic::catch_unwind(|| check(&bytes));
        match result {
            Ok(was) => accepted += usize::from(was),
            Err(_) => panic!(
                "OPENRANGE_SEED={seed}, run {run}: {:?}",
                bytes.escape_ascii().to_string()
            ),
        }
    }
    // Else the generator makes nothing worth comparing.
    assert!(
        accepted > runs / 20 && accepted < runs * 19 / 20,
        "{accepted} of {runs} accepted"
    );
}
