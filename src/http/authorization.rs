//! Who may read what: the `Authorization` field (RFC 9110 section 11.6.2) and the table of bearer tokens (RFC 6750).

use std::hint::black_box;

use super::target::{self, Path, Target};
use crate::limits::{TOKEN_MAX, TOKENS_MAX};

/// What a request shows to be allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing, or something of another scheme.
    #[default]
    None,
    /// A bearer token.
    Token(Box<[u8]>),
    /// One that can be none of ours: malformed, too long, or more than one.
    Unusable,
}

impl Credentials {
    /// Reads the value of an `Authorization` field; `before` is what another one said.
    #[must_use]
    pub fn parse(before: Credentials, value: &[u8]) -> Credentials {
        let (scheme, token) = match value.iter().position(|&byte| byte == b' ') {
            Some(space) => (&value[..space], value[space..].trim_ascii()),
            None => (value, b"".as_slice()),
        };
        if before != Credentials::None {
            Credentials::Unusable
        } else if !scheme.eq_ignore_ascii_case(b"bearer") {
            Credentials::None
        } else if is_token(token) {
            Credentials::Token(token.into())
        } else {
            Credentials::Unusable
        }
    }
}

/// `b64token` of RFC 6750 section 2.1, up to a length.
fn is_token(text: &[u8]) -> bool {
    let body = text.iter().rposition(|&byte| byte != b'=');
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    body.is_some_and(|last| text[..=last].iter().all(allowed)) && text.len() <= TOKEN_MAX
}

/// The tokens that are accepted, each with the part of the tree that it opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    token: Box<[u8]>,
    /// The decoded path; empty: everything.
    prefix: Box<[u8]>,
}

/// Why a request is answered with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// It had no token.
    Missing,
    /// It had one that does not open this path.
    Invalid,
}

impl Challenge {
    /// The field that tells the client (RFC 6750 section 3): without an error code if there was no token.
    #[must_use]
    pub fn lines(self) -> &'static str {
        match self {
            Challenge::Missing => {
                "WWW-Authenticate: Bearer realm=\"openrange\"\r\nCache-Control: no-store\r\n"
            }
            Challenge::Invalid => {
                "WWW-Authenticate: Bearer realm=\"openrange\", error=\"invalid_token\"\r\n\
                 Cache-Control: no-store\r\n"
            }
        }
    }
}

impl Tokens {
    /// Reads a table: on each line a token and, after blanks, the path to which it is restricted, written as in a URL.
    /// Empty lines and what follows a `#` are nothing.
    ///
    /// # Errors
    /// The number of a line and what is wrong with it; never what stands in it, which is a secret.
    pub fn parse(text: &[u8]) -> Result<Tokens, (usize, &'static str)> {
        let mut entries = Vec::new();
        for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
            let fields: Vec<&[u8]> = line
                .split(u8::is_ascii_whitespace)
                .filter(|field| !field.is_empty())
                .take_while(|field| !field.starts_with(b"#"))
                .collect();
            let (token, prefix) = match fields.as_slice() {
                [] => continue,
                [token] => (token, b"/".as_slice()),
                [token, prefix] => (token, *prefix),
                _ => return Err((number, "expected a token and at most one path")),
            };
            let entry = Entry::new(token, prefix).map_err(|why| (number, why))?;
            if entries.len() == TOKENS_MAX {
                return Err((number, "too many tokens"));
            }
            entries.push(entry);
        }
        Ok(Tokens(entries))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a request with these credentials may know what is at a path; `None`: a name that is never there, which is
    /// below every prefix.
    ///
    /// Every token is compared, so that the time tells nothing.
    ///
    /// # Errors
    /// How to challenge the client.
    pub fn permit(&self, credentials: &Credentials, path: Option<&Path>) -> Result<(), Challenge> {
        let given = match credentials {
            Credentials::None => return Err(Challenge::Missing),
            Credentials::Unusable => return Err(Challenge::Invalid),
            Credentials::Token(given) => given,
        };
        let permitted = self.0.iter().fold(false, |permitted, entry| {
            permitted | (same(given, &entry.token) & entry.covers(path))
        });
        if permitted {
            Ok(())
        } else {
            Err(Challenge::Invalid)
        }
    }
}

impl Entry {
    fn new(token: &[u8], prefix: &[u8]) -> Result<Entry, &'static str> {
        if !is_token(token) {
            return Err("a token is up to 256 letters, digits and -._~+/, then perhaps =");
        }
        match target::decode(prefix) {
            // Cut off at a query, the path would open more than what is written there.
            Ok(Target::Path(path)) if prefix.starts_with(b"/") && !prefix.contains(&b'?') => {
                Ok(Entry {
                    token: token.into(),
                    prefix: path.name,
                })
            }
            Ok(Target::Nowhere) => Err("such a path is never served"),
            _ => Err("the path must begin with / and be percent-encoded as in a URL"),
        }
    }

    /// Whether a path is below the prefix, by whole components.
    fn covers(&self, path: Option<&Path>) -> bool {
        let Some(path) = path else {
            return true;
        };
        match path.name.strip_prefix(&*self.prefix) {
            Some(rest) => self.prefix.is_empty() || matches!(rest, [] | [b'/', ..]),
            None => false,
        }
    }
}

/// Compares in a time that depends on the length of what was given and on nothing else.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let difference = given
        .iter()
        .zip(expected.iter().cycle())
        .fold(given.len() ^ expected.len(), |difference, (a, b)| {
            difference | usize::from(a ^ b)
        });
    // So that the compiler does not stop at the first difference.
    black_box(difference) == 0
}
