//! A line of the token file: a token, and what whoever shows it may do.

use super::date::Date;
use super::prefix::Prefix;
use crate::limits::{TOKEN_MAX, TOKEN_NAME_MAX};

/// `TOKEN [PATH] [RIGHTS] [name=NAME] [until=DATE]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) token: Box<[u8]>,
    /// What it opens.
    pub(super) prefix: Prefix,
    pub(super) rights: Rights,
    /// What logs say in place of the token.
    pub(super) name: Option<Box<str>>,
    /// From then on it opens nothing.
    pub(super) until: Option<Date>,
}

impl Grant {
    /// Reads a line; `None`: it is empty, or a remark. The path is written as in a URL.
    pub(super) fn parse(line: &[u8]) -> Result<Option<Grant>, &'static str> {
        let fields = line
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty())
            .take_while(|field| !field.starts_with(b"#"));
        let (mut places, mut name, mut until) = (Vec::new(), None, None);
        for field in fields {
            match field {
                [b'n', b'a', b'm', b'e', b'=', text @ ..] if !places.is_empty() => {
                    once(&mut name, token_name(text)?)?;
                }
                [b'u', b'n', b't', b'i', b'l', b'=', text @ ..] if !places.is_empty() => {
                    let date = Date::parse_iso(text).ok_or(
                        "until= is a date like 2026-12-31, or a time like 2026-12-31T18:00:00Z",
                    )?;
                    once(&mut until, date)?;
                }
                field => places.push(field),
            }
        }
        let (token, prefix, rights) = match places.as_slice() {
            [] => return Ok(None),
            [token] => (token, b"/".as_slice(), None),
            [token, rights] if Rights::parse(rights).is_ok() => {
                (token, b"/".as_slice(), Some(*rights))
            }
            [token, prefix] => (token, *prefix, None),
            [token, prefix, rights] => (token, *prefix, Some(*rights)),
            _ => {
                return Err("expected a token, at most one path, rights, name=NAME and until=DATE");
            }
        };
        if !is_token(token) {
            return Err("a token is up to 256 letters, digits and -._~+/, then perhaps =");
        }
        Ok(Some(Grant {
            token: (*token).into(),
            prefix: Prefix::parse(prefix)?,
            rights: rights.map_or(Ok(Rights::DEFAULT), Rights::parse)?,
            name,
            until,
        }))
    }
}

fn once<T>(field: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err("name= and until= may stand there once"),
    }
}

/// A name is in the fields of logs that blanks and quotes separate.
fn token_name(text: &[u8]) -> Result<Box<str>, &'static str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._@+:/".contains(byte);
    match str::from_utf8(text) {
        Ok(name)
            if !name.is_empty() && name.len() <= TOKEN_NAME_MAX && text.iter().all(allowed) =>
        {
            Ok(name.into())
        }
        _ => Err("a name is up to 64 letters, digits and -._@+:/"),
    }
}

/// `b64token` of RFC 6750 section 2.1, up to a length.
pub(super) fn is_token(text: &[u8]) -> bool {
    let body = text.iter().rposition(|&byte| byte != b'=');
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    body.is_some_and(|last| text[..=last].iter().all(allowed)) && text.len() <= TOKEN_MAX
}

/// What a request wants to do with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// `r`: read it.
    Read,
    /// `a`: append to it, and seal it.
    Append,
    /// `w`: write it in all ways, appending included.
    Write,
}

/// What a token permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    read: bool,
    append: bool,
    write: bool,
}

impl Rights {
    /// If nothing else is said.
    const DEFAULT: Rights = Rights {
        read: true,
        append: false,
        write: false,
    };

    fn parse(letters: &[u8]) -> Result<Rights, &'static str> {
        if letters.is_empty() || !letters.iter().all(|letter| b"raw".contains(letter)) {
            return Err("rights are letters: r (read), a (append), w (write)");
        }
        Ok(Rights {
            read: letters.contains(&b'r'),
            append: letters.contains(&b'a'),
            write: letters.contains(&b'w'),
        })
    }

    pub(super) fn include(self, right: Right) -> bool {
        match right {
            Right::Read => self.read,
            Right::Append => self.append || self.write,
            Right::Write => self.write,
        }
    }
}
