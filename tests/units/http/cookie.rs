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
    let tokens = Tokens::parse(b"one /a\ntwo /b\n").expect("a table");
    let (one, other) = (Proof::of(b"one"), Proof::of(b"other"));
    let now = Date::from_seconds(0);
    for (proofs, right) in [
        (vec![one], true),
        (vec![other], false),
        (vec![one, other], true),
        (vec![other, one], true),
        (vec![other, other], false),
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
