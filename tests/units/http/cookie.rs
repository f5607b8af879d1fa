//! Cookies that stand for tokens.

use openrange::http::authorization::{Credentials, Right, Tokens};
use openrange::http::cookie::{self, Proof};
use openrange::http::date::Date;
use openrange::http::target::Path;
use openrange::limits::COOKIES_MAX;

fn parsed(value: &str) -> Vec<Proof> {
    let mut proofs = Vec::new();
    cookie::parse(value.as_bytes(), &mut proofs);
    proofs
}

/// The name and value that a browser sends back.
fn sent(token: &[u8]) -> String {
    let field = Proof::of(token).set(&Path::root(), false);
    let pair = field.strip_prefix("Set-Cookie: ").expect("the field");
    pair.split(';').next().expect("a pair").to_string()
}

#[test]
fn what_is_set_is_read() {
    let (one, two) = (sent(b"one"), sent(b"two"));
    assert_eq!(one.len(), "openrange-".len() + 8 + 1 + 64, "{one}");
    assert_ne!(one, two);
    let proofs = [Proof::of(b"one"), Proof::of(b"two")];
    for value in [
        format!("{one}; {two}"),
        format!("{one};{two}"),
        format!("a=b; {one}; c; {two}; openrange=1"),
    ] {
        assert_eq!(parsed(&value), proofs, "{value}");
    }
}

#[test]
fn what_is_malformed_is_no_cookie_of_ours() {
    let one = sent(b"one");
    let (name, value) = one.split_once('=').expect("a pair");
    for cookie in [
        String::new(),
        name.to_string(),
        format!("{name}="),
        format!("{name}={}", &value[1..]),
        format!("{name}={value}0"),
        format!("{name}=\"{value}\""),
        format!("{name}={}", value.to_uppercase()),
        format!("{name}={}", value.replace(|_| true, "g")),
        format!("{name}={}", value.replacen(|_| true, "+", 1)),
        format!("openrange-00000000={value}"),
        format!("x{one}"),
    ] {
        assert_eq!(parsed(&cookie), [], "{cookie}");
    }
}

#[test]
fn there_are_not_more_than_a_few() {
    let all: Vec<String> = (0..100).map(|n: u32| sent(&n.to_be_bytes())).collect();
    assert_eq!(parsed(&all.join("; ")).len(), COOKIES_MAX);
}

fn path(name: &[u8]) -> Path {
    Path {
        name: name.into(),
        slash: false,
    }
}

#[test]
fn a_path_is_one_attribute() {
    let set = |name: &[u8]| Proof::of(b"x").set(&path(name), true);
    assert!(set(b"a/b c").contains("; Path=/a/b%20c; Max-Age="));
    assert!(set(b"a;b").contains("; Path=/a%3Bb; "));
}

#[test]
fn one_right_cookie_among_others_is_enough() {
    let tokens = Tokens::parse(b"one /a\ntwo /b\nthree /\n").expect("a table");
    let (one, other) = (Proof::of(b"one"), Proof::of(b"other"));
    let three = Proof::of(b"three");
    let now = Date::from_seconds(0);
    for (proofs, right) in [
        (vec![one], true),
        (vec![other], false),
        (vec![one, other], true),
        (vec![other, one], true),
        (vec![other, other], false),
        (vec![one, one], true),
        (vec![one, three], true),
        (vec![], false),
    ] {
        let shown = Credentials::None.or(proofs.clone());
        assert_eq!(shown == Credentials::None, proofs.is_empty());
        let permitted = tokens.permit(&shown, Some(&path(b"a")), Right::Read, now);
        assert_eq!(permitted.is_ok(), right, "{proofs:?}");
        // A token in the field counts alone.
        let token = Credentials::Token(b"two".as_slice().into());
        assert_eq!(token.clone().or(proofs), token);
    }
}

/// A browser forgets a cookie only by the path that it was set with.
#[test]
fn a_session_ends_where_it_began() {
    let table =
        b"one /a/b\none /a/c\ntwo /a/b\ntwo /ax\nthree /x/y until=1000\nfour /x/y\nfour /x/y/z\n";
    let tokens = Tokens::parse(table).expect("a table");
    let now = Date::from_seconds(0);
    for (token, below) in [
        ("one", "/a"),
        ("two", "/"),
        ("three", "/x/y"),
        ("four", "/x/y"),
    ] {
        let shown = Credentials::Token(token.as_bytes().into());
        let session = tokens.log_in(&shown, &path(b"x/y"), false, now);
        let session = session.expect("it opens something");
        let proof = Proof::of(token.as_bytes());
        assert_eq!(session.below.to_string(), below, "{token}");
        assert_eq!(session.here, below == "/x/y", "{token}");
        assert_eq!(session.fields, proof.set(&session.below, false));
        let name = sent(token.as_bytes());
        let name = name.split_once('=').expect("a pair").0;
        let expected =
            format!("Set-Cookie: {name}=; Path={below}; Max-Age=0; HttpOnly; SameSite=Strict\r\n");
        let ended = tokens.log_out(&Credentials::Cookies([proof].into()));
        assert_eq!(ended.fields, expected);
        assert_eq!((ended.below.to_string().as_str(), ended.here), ("/", false));
    }
    // Several end at once, also one of a token that is gone; a token in a field is no session.
    let proofs = [Proof::of(b"one"), Proof::of(b"gone")];
    let ended = tokens.log_out(&Credentials::Cookies(proofs.into()));
    let expected = proofs[0].clear(&path(b"a")) + &proofs[1].clear(&Path::root());
    assert_eq!(ended.fields, expected);
    let token = Credentials::Token(b"one".as_slice().into());
    assert_eq!(tokens.log_out(&token).fields, "");
    assert_eq!(tokens.log_out(&Credentials::None).fields, "");
}
