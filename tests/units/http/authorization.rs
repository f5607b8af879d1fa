//! `http::authorization`: what is read of the field, what a table of tokens may hold, and what each of them opens.

use openrange::http::authorization::{Challenge, Credentials, Right, Tokens};
use openrange::http::date::Date;
use openrange::http::target::{self, Path, Target};
use openrange::limits::{TOKEN_MAX, TOKENS_MAX};

fn now() -> Date {
    Date::from_seconds(1_000_000_000)
}

fn credentials(value: &str) -> Credentials {
    Credentials::parse(Credentials::None, value.as_bytes())
}

fn token(text: &str) -> Credentials {
    Credentials::Token(text.as_bytes().into())
}

#[test]
fn the_field() {
    let longest = "x".repeat(TOKEN_MAX);
    let table = [
        ("Bearer abc", token("abc")),
        ("bearer abc", token("abc")),
        ("BEARER   abc ", token("abc")),
        ("Bearer aZ09-._~+/==", token("aZ09-._~+/==")),
        (&format!("Bearer {longest}"), token(&longest)),
        (&format!("Bearer {longest}x"), Credentials::Unusable),
        ("Bearer", Credentials::Unusable),
        ("Bearer ", Credentials::Unusable),
        ("Bearer =", Credentials::Unusable),
        ("Bearer a=b", Credentials::Unusable),
        ("Bearer a b", Credentials::Unusable),
        ("Bearer a,b", Credentials::Unusable),
        ("Bearer \"a\"", Credentials::Unusable),
        ("Bearer\ta", Credentials::None),
        ("Basic YTpi", Credentials::None),
        ("Bearerabc", Credentials::None),
        ("", Credentials::None),
    ];
    for (value, expected) in table {
        assert_eq!(credentials(value), expected, "{value}");
    }
    // The field is no list: with two, nobody knows which one another reader takes.
    for first in ["Bearer a", "Bearer"] {
        let both = Credentials::parse(credentials(first), b"Bearer a");
        assert_eq!(both, Credentials::Unusable, "{first}");
    }
}

#[test]
fn what_a_token_opens() {
    let table = "
        # who reads what
        all
        also-all /       # everything
        a\t/a
        ab /a/b/
        both /a
        both /c%20d
    ";
    let tokens = Tokens::parse(table.as_bytes()).expect("a table");
    assert_eq!(tokens.count(), 6);
    // Tokens; what each of them opens, and what not.
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["all", "also-all"],
            &["/", "/a", "/a/", "/x/y", "/.hidden"],
            &[],
        ),
        (
            &["a"],
            &["/a", "/a/", "/a/b", "/%61/b", "/x/../a", "//a"],
            &["/", "/ab", "/x/a", "/a/../b", "/A"],
        ),
        (&["ab"], &["/a/b", "/a/b/c"], &["/a", "/a/", "/a/bc", "/"]),
        (&["both"], &["/a/x", "/c%20d", "/c%20d/x"], &["/c", "/c/d"]),
        // Neither a part of a token nor a token and more, nor its parts repeated.
        (
            &["al", "alll", "ALL", "allall", "aaaa", "aa", "ababab", "x"],
            &[],
            &["/", "/a", "/a/b", "/.hidden"],
        ),
    ];
    for (names, opened, closed) in table {
        for name in *names {
            let permit = |path: &&str| {
                let target = target::decode(path.as_bytes()).expect("a target");
                tokens.permit(&token(name), path_of(&target), Right::Read, now())
            };
            for path in *opened {
                assert_eq!(permit(path), Ok(()), "{name} {path}");
            }
            for path in *closed {
                assert_eq!(permit(path), Err(Challenge::Invalid), "{name} {path}");
            }
        }
    }
}

fn path_of(target: &Target) -> Option<&Path> {
    match target {
        Target::Path(path) => Some(path),
        Target::Asterisk | Target::Nowhere => None,
    }
}

#[test]
fn without_a_token() {
    let path = target::decode(b"/a").expect("a target");
    for tokens in [Tokens::default(), Tokens::parse(b"t").expect("a table")] {
        for (credentials, challenge) in [
            (Credentials::None, Challenge::Missing),
            (Credentials::Unusable, Challenge::Invalid),
            (token("x"), Challenge::Invalid),
        ] {
            assert_eq!(
                tokens.permit(&credentials, path_of(&path), Right::Read, now()),
                Err(challenge)
            );
            assert_eq!(
                tokens.permit(&credentials, None, Right::Read, now()),
                Err(challenge)
            );
        }
    }
    assert!(!Challenge::Missing.lines().contains("error"));
    assert!(
        Challenge::Invalid
            .lines()
            .contains("error=\"invalid_token\"")
    );
}

#[test]
fn tables_that_are_refused() {
    let table = [
        ("a\n\nb c", 3, "percent-encoded"),
        ("a /x y", 1, "rights are letters"),
        ("a /x r y", 1, "at most one path"),
        ("a x", 1, "begin with /"),
        ("a *", 1, "begin with /"),
        ("a http://h/x", 1, "begin with /"),
        ("a /..", 1, "percent-encoded"),
        ("a /x%", 1, "percent-encoded"),
        ("a /x?y", 1, "percent-encoded"),
        ("a /x?", 1, "percent-encoded"),
        ("a /b\u{e9}", 1, "percent-encoded"),
        ("a /.hidden", 1, "never serves"),
        ("\u{e9}", 1, "a token is"),
        ("a=b", 1, "a token is"),
        ("# a\n\0", 2, "a token is"),
        ("name=a", 1, "a token is"),
        ("a name=", 1, "a name is"),
        ("a name=b\"", 1, "a name is"),
        ("a name=b name=c", 1, "once"),
        ("a until=", 1, "until= is a date"),
        ("a until=2026-13-01", 1, "until= is a date"),
        ("a until=tomorrow", 1, "until= is a date"),
        ("a until=1 until=2", 1, "once"),
    ];
    for (text, line, why) in table {
        let (number, said) = Tokens::parse(text.as_bytes()).expect_err(text);
        assert_eq!(number, line, "{text:?}");
        assert!(said.contains(why), "{text:?}: {said}");
    }
    let longest = "x".repeat(TOKEN_MAX);
    assert!(Tokens::parse(longest.as_bytes()).is_ok());
    assert!(Tokens::parse(format!("{longest}x").as_bytes()).is_err());
    assert!(Tokens::parse("x\n".repeat(TOKENS_MAX).as_bytes()).is_ok());
    assert!(Tokens::parse("x\n".repeat(TOKENS_MAX + 1).as_bytes()).is_err());
    for empty in ["", "\n", "  # nothing\r\n"] {
        assert_eq!(Tokens::parse(empty.as_bytes()), Ok(Tokens::default()));
    }
    let windows = Tokens::parse(b"t /a\r\nu\r\n").expect("a table");
    assert_eq!(windows.count(), 2);
}

#[test]
fn rights() {
    let table = b"plain\nreader / r\nproducer /in a\nowner w\nboth /in ra\nall rw\nsplit /in r\nsplit /in a\n";
    let tokens = Tokens::parse(table).expect("a table");
    const CASES: [(&str, &str); 7] = [
        ("plain", "r--"),
        ("reader", "r--"),
        ("producer", "-a-"),
        // Whoever may write in all ways may append.
        ("owner", "-aw"),
        ("both", "ra-"),
        ("all", "raw"),
        ("split", "ra-"),
    ];
    let path = target::decode(b"/in/log").expect("a target");
    for (name, rights) in CASES {
        for (right, letter) in [
            (Right::Read, 'r'),
            (Right::Append, 'a'),
            (Right::Write, 'w'),
        ] {
            let expected = match rights.contains(letter) {
                true => Ok(()),
                false => Err(Challenge::Insufficient),
            };
            let permitted = tokens.permit(&token(name), path_of(&path), right, now());
            assert_eq!(permitted, expected, "{name} {letter}");
        }
    }
    let elsewhere = target::decode(b"/out/log").expect("a target");
    let permitted = tokens.permit(
        &token("producer"),
        path_of(&elsewhere),
        Right::Append,
        now(),
    );
    assert_eq!(permitted, Err(Challenge::Invalid));
}

#[test]
fn rights_that_are_none() {
    for table in [
        "t x",
        "t /a x",
        "t /a rr x",
        "t /a r w",
        "t rx",
        "t R",
        "t /a ,",
    ] {
        assert!(Tokens::parse(table.as_bytes()).is_err(), "{table}");
    }
}

#[test]
fn names_and_expiry() {
    let text = "a name=alice until=2001-09-08\nb r /x\n";
    assert!(
        Tokens::parse(text.as_bytes()).is_err(),
        "rights before the path"
    );
    let text = "a /x name=alice r until=2001-09-09T01:46:41Z\nb until=1000000000 /x\nc name=c/1@d.e+f:g # name=no\n";
    let tokens = Tokens::parse(text.as_bytes()).expect("a table");
    let path = target::decode(b"/x/y").expect("a target");
    let path = path_of(&path);
    let permit = |name, seconds| {
        let now = Date::from_seconds(seconds);
        tokens.permit(&token(name), path, Right::Read, now).is_ok()
    };
    assert!(permit("a", 1_000_000_000) && !permit("a", 1_000_000_001));
    assert!(permit("b", 999_999_999) && !permit("b", 1_000_000_000));
    assert!(permit("c", 1_000_000_000));
    let name = |text, path| tokens.name(&token(text), path, now());
    assert_eq!(name("a", path), Some("alice"));
    assert_eq!(name("b", path), None);
    assert_eq!(name("c", path), Some("c/1@d.e+f:g"));
    let elsewhere = target::decode(b"/y").expect("a target");
    assert_eq!(name("a", path_of(&elsewhere)), None);
    let next = |seconds| tokens.next_expiry(Date::from_seconds(seconds));
    assert_eq!(next(0), Some(Date::from_seconds(1_000_000_000)));
    assert_eq!(next(1_000_000_000), Some(Date::from_seconds(1_000_000_001)));
    assert_eq!(next(1_000_000_001), None);
    // A cookie lasts no longer than its token.
    let cookie = |seconds| {
        tokens.log_in(
            &token("a"),
            &Path::root(),
            false,
            Date::from_seconds(seconds),
        )
    };
    assert!(cookie(0).is_ok());
    assert_eq!(cookie(1_000_000_001), Err(Challenge::Invalid));
}
