//! `http::target` against a table and, with random paths, against the text algorithm of RFC 3986.

use crate::properties::oracle::target as oracle;
use crate::properties::target as check;
use crate::support::pace::some;
use crate::support::random::Random;
use openrange::http::target::{Path, Target, decode, encode};

fn outcome(target: &[u8]) -> String {
    check::target(target);
    match decode(target) {
        Err(invalid) => format!("{invalid:?}"),
        Ok(Target::Asterisk) => "asterisk".to_owned(),
        Ok(Target::Nowhere) => "nowhere".to_owned(),
        Ok(Target::Path(Path { name, slash })) => {
            format!("{}{}", name.escape_ascii(), if slash { " dir" } else { "" })
        }
    }
}

/// Rows whose last column is one word of `Invalid`, `asterisk`, `nowhere`, or a name, with ` dir` for a final slash.
fn all(table: &[(&[u8], &str)]) {
    for (target, expected) in table {
        assert_eq!(outcome(target), *expected, "{}", target.escape_ascii());
    }
}

#[test]
fn forms() {
    all(&[
        (b"/", " dir"),
        (b"/a", "a"),
        (b"/a/", "a dir"),
        (b"/a/b.log", "a/b.log"),
        (b"/a?b/../c", "a"),
        (b"/a?", "a"),
        (b"/?x", " dir"),
        (b"/a?%zz", "a"),
        (b"/a?.x", "a"),
        (b"*", "asterisk"),
        (b"http://host", " dir"),
        (b"http://host/", " dir"),
        (b"http://host?q", " dir"),
        (b"http://host/a/b?q", "a/b"),
        (b"http://host:80/a", "a"),
        (b"http://[::1]:80/a", "a"),
        (b"http://user@host/a", "a"),
        (b"HTTP://HOST/A", "A"),
        (b"https://host/a", "a"),
        (b"http://host/../a", "Outside"),
        (b"http://host//a", "a"),
        (b"//host/a", "host/a"),
        (b"/http://host/a", "http:/host/a"),
        (b"", "Form"),
        (b"a", "Form"),
        (b"a/b", "Form"),
        (b"?a", "Form"),
        (b"**", "Form"),
        (b"*/a", "Form"),
        (b"host:80", "Form"),
        (b"http:", "Form"),
        (b"http:/", "Form"),
        (b"http:/a", "Form"),
        (b"http://", "Form"),
        (b"http:///a", "Form"),
        (b"http://?a", "Form"),
        (b"https://", "Form"),
        (b"httpx://host/a", "Form"),
        (b"ftp://host/a", "Form"),
        (b"file:///etc/passwd", "Form"),
        (b"%2fa", "Form"),
    ]);
}

#[test]
fn characters() {
    all(&[
        (b"/-._~!$&'()*+,;=:@", "-._~!$&\\'()*+,;=:@"),
        (b"/[a]", "[a]"),
        (b"/a%20b", "a b"),
        (b"/%41%5a%7A", "AZz"),
        (b"/%C3%A9", "\\xc3\\xa9"),
        (b"/%ff%FE", "\\xff\\xfe"),
        (b"/a%0d%0ab", "a\\r\\nb"),
        (b"/%23%3F%25", "#?%"),
        (b"/%252e%252e/a", "%2e%2e/a"),
        (b"/%2541", "%41"),
        (b"/a+b", "a+b"),
        (b"/a b", "Character"),
        (b"/a#b", "Character"),
        (b"/a?b#c", "Character"),
        (b"/\"a\"", "Character"),
        (b"/<a>", "Character"),
        (b"/a\\b", "Character"),
        (b"/a^", "Character"),
        (b"/a`", "Character"),
        (b"/{a", "Character"),
        (b"/a|b", "Character"),
        (b"/a}", "Character"),
        // In a query browsers send these bare, which is nobody's fault; what they encode is refused there too.
        (b"/a?\\^`{|}", "a"),
        (b"/a/?x={1|2}^`\\&files=b", "a dir"),
        (b"http://host?{|}", " dir"),
        (b"http://host/a?\\", "a"),
        (b"/a?b?{", "a"),
        (b"/{a?b", "Character"),
        (b"http://{host}/a?b", "Character"),
        (b"/a?\"", "Character"),
        (b"/a?<", "Character"),
        (b"/a?>", "Character"),
        (b"/a? ", "Character"),
        (b"/a?\x7f", "Character"),
        (b"/a\0", "Character"),
        (b"/a\t", "Character"),
        (b"/a\x7f", "Character"),
        (b"/\xc3\xa9", "Character"),
        (b"/a?\xc3\xa9", "Character"),
        (b"/%", "Encoding"),
        (b"/%4", "Encoding"),
        (b"/%/", "Encoding"),
        (b"/%4/1", "Encoding"),
        (b"/%4g", "Encoding"),
        (b"/%g4", "Encoding"),
        (b"/%%41", "Encoding"),
        (b"/%+1", "Encoding"),
        (b"/%00", "Encoding"),
        (b"/a%00b", "Encoding"),
        (b"/a/%00/../b", "Encoding"),
    ]);
}

#[test]
fn segments() {
    all(&[
        (b"//", " dir"),
        (b"//a", "a"),
        (b"/a//b", "a/b"),
        (b"/a///", "a dir"),
        (b"/.", " dir"),
        (b"/./", " dir"),
        (b"/./a", "a"),
        (b"/a/.", "a dir"),
        (b"/a/./b", "a/b"),
        (b"/a/..", " dir"),
        (b"/a/../", " dir"),
        (b"/a/../b", "b"),
        (b"/a/b/..", "a dir"),
        (b"/a/b/../c", "a/c"),
        (b"/a//../b", "b"),
        (b"/a/b/../../c", "c"),
        (b"/a/%2e", "a dir"),
        (b"/a/%2e./b", "b"),
        (b"/a/.%2E/b", "b"),
        (b"/a/%2e%2E/b", "b"),
        (b"/..", "Outside"),
        (b"/../", "Outside"),
        (b"/../a", "Outside"),
        (b"/a/../..", "Outside"),
        (b"/a/../../b", "Outside"),
        (b"/a//../..", "Outside"),
        (b"/./..", "Outside"),
        (b"/%2e%2e/a", "Outside"),
        (b"/..?a", "Outside"),
        (b"/a/..b", "nowhere"),
        (b"/...", "nowhere"),
        (b"/.a", "nowhere"),
        (b"/%2ea", "nowhere"),
        (b"/a/.git/config", "nowhere"),
        (b"/.git/", "nowhere"),
        (b"/.git/../a", "a"),
        (b"/a%2fb", "nowhere"),
        (b"/a%2Fb", "nowhere"),
        (b"/%2f", "nowhere"),
        (b"/..%2fetc/passwd", "nowhere"),
        (b"/%2e%2e%2fetc/passwd", "nowhere"),
        (b"/a/..%5cb", "nowhere"),
        (b"/a.", "a."),
        (b"/a../b", "a../b"),
        (b"/a/b.", "a/b."),
    ]);
}

#[test]
fn random_paths_name_what_the_oracle_says() {
    const PIECES: [&str; 22] = [
        "/", "/", "/", "/", ".", ".", "..", "/../", "/..", "/./", "a", "b", "ab", "%2e", "%2E",
        "%2f", "%61", "%25", "%00", "%f", "?", "~",
    ];
    let mut seen = [0; 3];
    for seed in some(0..20_000) {
        let mut random = Random::new(seed);
        let mut target = "/".to_owned();
        for _ in 0..random.below(14) {
            target.push_str(random.pick(&PIECES));
        }
        let actual = match decode(target.as_bytes()) {
            Err(_) => None,
            Ok(Target::Path(path)) => Some(Some((path.name.into_vec(), path.slash))),
            Ok(_) => Some(None),
        };
        let expected = oracle::expected(target.as_bytes());
        assert_eq!(actual, expected, "seed {seed}: {target}");
        check::target(target.as_bytes());
        seen[match actual {
            None => 0,
            Some(None) => 1,
            Some(Some(_)) => 2,
        }] += 1;
    }
    assert!(
        cfg!(miri) || seen.iter().all(|&count| count >= 1_000),
        "{seen:?}"
    );
}

#[test]
fn every_name_survives_encoding() {
    let mut random = Random::new(0);
    for byte in some(1..=u8::MAX) {
        if byte != b'/' {
            round_trip(&[b'a', byte, b'z']);
        }
    }
    for _ in some(0..2_000) {
        let mut name = vec![b'n'];
        for _ in 0..random.below(12) {
            name.push(u8::try_from(1 + random.below(255)).unwrap());
        }
        if !name.contains(&b'/') {
            round_trip(&name);
        }
    }
}

/// A file's name, as a listing links it, leads to the file.
fn round_trip(name: &[u8]) {
    let link = format!("/{}", encode(name));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
    assert!(link.bytes().all(plain), "{link}");
    let expected = Target::Path(Path {
        name: name.into(),
        slash: false,
    });
    assert_eq!(decode(link.as_bytes()), Ok(expected), "{link}");
}

#[test]
fn a_path_is_written_as_a_reference() {
    let table = [
        ("/", "/"),
        ("//", "/"),
        ("/a/", "/a/"),
        ("/a//b/../c%20d", "/a/c%20d"),
        ("//evil.example/x", "/evil.example/x"),
        ("/a%0d%0aSet-Cookie:x", "/a%0D%0ASet-Cookie%3Ax"),
        ("/%22%3cb%3e?q", "/%22%3Cb%3E"),
    ];
    for (target, expected) in table {
        let Ok(Target::Path(path)) = decode(target.as_bytes()) else {
            panic!("{target} is no path");
        };
        assert_eq!(path.to_string(), expected, "{target}");
    }
}

#[test]
fn the_last_component() {
    for (name, last) in [("", ""), ("a", "a"), ("a/bc", "bc"), ("a/b/c d", "c d")] {
        let path = Path {
            name: name.as_bytes().into(),
            slash: false,
        };
        assert_eq!(path.last(), last.as_bytes(), "{name}");
    }
}
