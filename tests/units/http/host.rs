//! `http::host`: what a request addresses, and which of that is served.

use openrange::http::host::{Host, Hosts, is_well_formed};

#[test]
fn addresses_and_localhost_are_no_names() {
    for literal in [
        "",
        ":80",
        "127.0.0.1",
        "127.0.0.1:8080",
        "192.168.1.7",
        "0.0.0.0:1",
        "[::1]",
        "[::1]:8080",
        "[2001:db8::7]:1",
        "[fe80::1%25eth0]:1",
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "localhost.:8080",
        "user@localhost:1",
    ] {
        assert_eq!(Host::parse(literal.as_bytes()), Host::Literal, "{literal}");
    }
    for (other, name) in [
        ("rebound.example", "rebound.example"),
        ("Rebound.Example.:80", "rebound.example"),
        ("localhost.example", "localhost.example"),
        ("xlocalhost", "xlocalhost"),
        ("localhost@rebound.example", "rebound.example"),
        ("127.0.0.1.rebound.example", "127.0.0.1.rebound.example"),
        // No browser writes an address like that: it is a name that somebody may own.
        ("127.1", "127.1"),
        ("0x7f000001", "0x7f000001"),
        ("[::1].rebound.example", "[::1].rebound.example"),
        ("[rebound.example]", "[rebound.example]"),
        // What stands behind the colon is no port.
        ("localhost:rebound.example", "localhost"),
        ("127.0.0.1:80:rebound", "127.0.0.1"),
    ] {
        let expected = Host::Name(name.into());
        let host = Host::parse(other.as_bytes());
        assert_eq!(host, expected, "{other}");
        assert!(!Hosts::default().contain(&host), "{other}");
    }
    assert!(matches!(Host::parse(b"::1"), Host::Name(_)));
    assert!(matches!(Host::parse(b"\xff"), Host::Name(_)));
}

#[test]
fn each_byte_is_part_of_a_host_or_not() {
    let plain = b"-._~!$&'()*+;=%";
    for byte in 0..=u8::MAX {
        let expected = byte.is_ascii_alphanumeric() || plain.contains(&byte);
        // A colon ends the host.
        assert_eq!(is_well_formed(&[b'a', byte]), expected || byte == b':');
        assert_eq!(
            is_well_formed(&[b'[', byte, b']']),
            expected || byte == b':'
        );
        assert_eq!(is_well_formed(&[b'a', b':', byte]), byte.is_ascii_digit());
    }
}

#[test]
fn names_that_are_served() {
    let hosts = Hosts::parse("logs.example.org").expect("a name");
    let hosts = hosts.and(Hosts::parse("OTHER").expect("a name"));
    for (host, served) in [
        ("logs.example.org", true),
        ("LOGS.example.org.:443", true),
        ("other:80", true),
        ("10.0.0.1", true),
        ("localhost", true),
        ("", true),
        ("example.org", false),
        ("x.logs.example.org", false),
        ("logs.example.orgx", false),
    ] {
        assert_eq!(
            hosts.contain(&Host::parse(host.as_bytes())),
            served,
            "{host}"
        );
    }
    let both = hosts.and(Hosts::parse("*").expect("any"));
    assert!(both.contain(&Host::parse(b"rebound.example")));
    // In either order, `*` takes no name away.
    assert_eq!(both.names(), ["logs.example.org".into(), "other".into()]);
    let turned = Hosts::parse("*").expect("any").and(both.clone());
    assert_eq!(turned, both);
}

#[test]
fn names_that_cannot_be_given() {
    for wrong in [
        "",
        ".",
        "a b",
        "a:80",
        "http://a",
        "a/b",
        "*.example",
        "[::1]",
    ] {
        assert!(Hosts::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Hosts::parse(&"a".repeat(253)).is_ok());
    assert!(Hosts::parse(&"a".repeat(254)).is_err());
    assert!(Hosts::parse("127.0.0.1").is_ok());
}
