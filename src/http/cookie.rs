//! A token as a cookie (RFC 6265), for browsers: their `EventSource`, links and address bar send no `Authorization`.
//!
//! The cookie holds a hash of the token and not the token, and nothing is kept in the server: it is valid for as long as
//! the token is in the table, also after a restart and at another server with the same table. Its name has a part of the
//! hash, so that a browser can hold the cookies of several tokens, and of several servers of one host.

use std::fmt;

use super::target::Path;
use crate::limits::{COOKIE_AGE, COOKIES_MAX};

/// What a cookie shows: a hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub [u8; 32]);

impl Proof {
    /// That of a token. What else is hashed keeps it from being the hash of the token for any other purpose.
    #[must_use]
    pub fn of(token: &[u8]) -> Proof {
        let mut hash = hmac_sha256::Hash::new();
        hash.update(b"openrange cookie\0");
        hash.update(token);
        Proof(hash.finalize())
    }

    fn parse(text: &[u8]) -> Option<Proof> {
        let digits = text.as_chunks::<2>();
        let (pairs, []) = digits else {
            return None;
        };
        let mut proof = [0; 32];
        if pairs.len() != proof.len() {
            return None;
        }
        for (byte, pair) in proof.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        // Nothing but its own spelling.
        Some(Proof(proof)).filter(|proof| proof.to_string().as_bytes() == text)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Takes the proofs in the value of a `Cookie` field; other cookies are somebody else's.
pub fn parse(value: &[u8], proofs: &mut Vec<Proof>) {
    for cookie in value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii) {
        let Some(equals) = cookie.iter().position(|&byte| byte == b'=') else {
            continue;
        };
        let (name, value) = (&cookie[..equals], &cookie[equals + 1..]);
        if name.starts_with(b"openrange-")
            && proofs.len() < COOKIES_MAX
            && let Some(proof) = Proof::parse(value)
            && name == proof.name().as_bytes()
        {
            proofs.push(proof);
        }
    }
}

impl Proof {
    fn name(&self) -> String {
        format!("openrange-{}", &self.to_string()[..8])
    }

    /// The field that makes a browser send it with every request below a path, until it is closed or, to `keep` it, for
    /// [`COOKIE_AGE`]. No script can read it, and no other site can make the browser send it.
    #[must_use]
    pub fn set(&self, path: &Path, keep: bool) -> String {
        let age = if keep {
            format!("; Max-Age={}", COOKIE_AGE.as_secs())
        } else {
            String::new()
        };
        format!(
            "Set-Cookie: {}={self}; Path={}{age}; HttpOnly; SameSite=Strict\r\n",
            self.name(),
            path
        )
    }

    /// The field that makes a browser forget it.
    #[must_use]
    pub fn clear(&self, path: &Path) -> String {
        format!(
            "Set-Cookie: {}=; Path={}; Max-Age=0; HttpOnly; SameSite=Strict\r\n",
            self.name(),
            path
        )
    }
}
