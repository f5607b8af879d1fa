//! The host that a request addresses (RFC 9110 section 7.2), and which hosts a server answers for.
//!
//! A page may be loaded under a name that its owner then lets resolve to 127.0.0.1 or to an address of a private network.
//! For a browser the server there is of the page's own origin, whatever `--cors` says; only the name in the request tells.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::limits::HOST_MAX;

/// The host of a request, without the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP address, `localhost`, or none. No page can have been loaded under these but from this very address.
    Literal,
    /// Another name, in lower case and without the dot of the root.
    Name(Box<str>),
}

impl Host {
    /// Reads the value of a Host field, or the authority of a target in absolute form (RFC 3986 section 3.2).
    #[must_use]
    pub fn parse(authority: &[u8]) -> Host {
        let authority = without_userinfo(authority);
        // The first colon outside square brackets begins the port.
        let bracket = authority.iter().rposition(|&byte| byte == b']');
        let brackets = bracket.map_or(0, |end| end + 1);
        let colon = authority[brackets..].iter().position(|&byte| byte == b':');
        let (host, port) = authority.split_at(colon.map_or(authority.len(), |at| brackets + at));
        let is_port = port.iter().skip(1).all(u8::is_ascii_digit);
        match is_port && is_literal(host) {
            true => Host::Literal,
            false => {
                let host = String::from_utf8_lossy(host);
                Host::Name(name(&host).to_ascii_lowercase().into())
            }
        }
    }
}

/// Whether this is `uri-host [":" port]` (RFC 9110 section 7.2). A comma is no part of it: it may come from two fields that
/// somebody has joined.
#[must_use]
pub fn is_well_formed(authority: &[u8]) -> bool {
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'$'..=b'+' | b'-' | b'.' | b'_' | b'~' | b'!' | b';' | b'='
            )
    };
    let (host_is_plain, port) = match authority.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|&byte| byte == b']');
            let (address, port) = rest.split_at(end.unwrap_or(0));
            let is_plain = address.iter().all(|byte| *byte == b':' || plain(byte));
            (
                is_plain && !address.is_empty(),
                port.get(1..).unwrap_or_default(),
            )
        }
        None => {
            let colon = authority.iter().position(|&byte| byte == b':');
            let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
            (host.iter().all(plain), port)
        }
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    host_is_plain && is_port
}

/// An authority may begin with the name of a user (RFC 3986 section 3.2.1), a Host field may not.
#[must_use]
pub fn without_userinfo(authority: &[u8]) -> &[u8] {
    let at = authority.iter().rposition(|&byte| byte == b'@');
    &authority[at.map_or(0, |at| at + 1)..]
}

fn is_literal(host: &[u8]) -> bool {
    if let Some(rest) = host.strip_prefix(b"[") {
        let address = rest.strip_suffix(b"]").unwrap_or_default();
        // Without the zone of a link-local address (RFC 6874).
        let zone = address.iter().position(|&byte| byte == b'%');
        let address = &address[..zone.unwrap_or(address.len())];
        return str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_ipv4 = || str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok());
    match host.first() {
        None => true,
        Some(b'0'..=b'9') => is_ipv4(),
        Some(_) => {
            let host = host.strip_suffix(b".").unwrap_or(host);
            host.eq_ignore_ascii_case(b"localhost")
        }
    }
}

/// Without the dot of the root.
fn name(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// The hosts that a server answers for over TCP, besides each [`Host::Literal`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    names: Vec<Box<str>>,
    /// Whatever a request says.
    any: bool,
}

impl Hosts {
    /// All hosts.
    #[must_use]
    pub fn any() -> Hosts {
        Hosts {
            any: true,
            ..Hosts::default()
        }
    }

    /// Reads the value of `--host`: a name, or `*`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Hosts, &'static str> {
        if text == "*" {
            return Ok(Hosts::any());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let text = name(text);
        if text.is_empty() || text.len() > HOST_MAX || !text.bytes().all(plain) {
            return Err("expected * or a host name without a port, like logs.example.org");
        }
        Ok(Hosts {
            names: vec![text.to_ascii_lowercase().into()],
            any: false,
        })
    }

    /// These and others. Names stay names beside `*`: pages of theirs may write, those of others may not.
    #[must_use]
    pub fn and(mut self, others: Hosts) -> Hosts {
        self.names.extend(others.names);
        self.any |= others.any;
        self
    }

    /// The names that were given.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Whether a request may address this host.
    #[must_use]
    pub fn contain(&self, host: &Host) -> bool {
        match host {
            Host::Literal => true,
            Host::Name(name) => self.any || self.names.contains(name),
        }
    }
}
