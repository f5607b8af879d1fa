//! Who may read and write what: the `Authorization` field (RFC 9110 section 11.6.2) and the table of bearer tokens (RFC 6750).

use std::hint::black_box;

use super::cookie::Proof;
use super::date::Date;
pub use super::grant::Right;
use super::grant::{Grant, is_token};
use super::target::Path;
use crate::limits::TOKENS_MAX;

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
    /// No field, but cookies that stand for tokens.
    Cookies(Box<[Proof]>),
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

impl Credentials {
    /// These, or if there are none, what the cookies show.
    #[must_use]
    pub fn or(self, proofs: Vec<Proof>) -> Credentials {
        match self {
            Credentials::None if !proofs.is_empty() => Credentials::Cookies(proofs.into()),
            credentials => credentials,
        }
    }
}

/// The tokens that are accepted, each with what it opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    grant: Grant,
    /// What a cookie shows instead of the token.
    proof: Proof,
}

/// Why a request is answered with 401, or 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// It had no token.
    Missing,
    /// It had one that does not open this path.
    Invalid,
    /// It had one that opens this path, but not for that: 403.
    Insufficient,
}

/// What follows from logging in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `Set-Cookie` fields, each with its line end.
    pub fields: String,
    /// The path below which everything is that the token opens.
    pub below: Path,
    /// Whether it opens what the client asked about.
    pub here: bool,
}

impl Session {
    /// That of a server without tokens.
    #[must_use]
    pub fn needless() -> Session {
        Session {
            fields: String::new(),
            below: Path::root(),
            here: true,
        }
    }
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
            Challenge::Insufficient => {
                "WWW-Authenticate: Bearer realm=\"openrange\", error=\"insufficient_scope\"\r\n\
                 Cache-Control: no-store\r\n"
            }
        }
    }
}

impl Tokens {
    /// Reads a table: a grant on each line: `TOKEN [PATH] [RIGHTS] [name=NAME] [until=DATE]`. Empty lines and what follows a `#` are nothing.
    ///
    /// # Errors
    /// The number of a line and what is wrong with it; never what stands in it, which is a secret.
    pub fn parse(text: &[u8]) -> Result<Tokens, (usize, &'static str)> {
        let mut entries = Vec::new();
        for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
            let Some(grant) = Grant::parse(line).map_err(|why| (number, why))? else {
                continue;
            };
            if entries.len() == TOKENS_MAX {
                return Err((number, "too many tokens"));
            }
            let proof = Proof::of(&grant.token);
            entries.push(Entry { grant, proof });
        }
        Ok(Tokens(entries))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a request with these credentials may do that with what is at a path; `None`: a name that is never there, which is
    /// below every prefix.
    ///
    /// Every token is compared, so that the time tells nothing.
    ///
    /// # Errors
    /// How to challenge the client.
    pub fn permit(
        &self,
        credentials: &Credentials,
        path: Option<&Path>,
        right: Right,
        now: Date,
    ) -> Result<(), Challenge> {
        let challenge = match credentials {
            Credentials::None => return Err(Challenge::Missing),
            Credentials::Unusable => return Err(Challenge::Invalid),
            Credentials::Token(_) => Challenge::Invalid,
            // It may be of a token that was good once.
            Credentials::Cookies(_) => Challenge::Missing,
        };
        let nothing = (false, false);
        let (opens, permits) = self.0.iter().fold(nothing, |(opens, permits), entry| {
            let opened = entry.is_shown_by(credentials) & entry.opens(path, now);
            let permitted = opened & entry.grant.rights.include(right);
            (opens | opened, permits | permitted)
        });
        match (opens, permits) {
            (_, true) => Ok(()),
            (true, false) => Err(Challenge::Insufficient),
            (false, false) => Err(challenge),
        }
    }

    /// The token by which a request may do that ([`Tokens::permit`]): the same one however the client shows it.
    #[must_use]
    pub fn token(
        &self,
        credentials: &Credentials,
        path: Option<&Path>,
        right: Right,
        now: Date,
    ) -> Option<&[u8]> {
        let permits = |entry: &&Entry| {
            let opened = entry.is_shown_by(credentials) & entry.opens(path, now);
            opened & entry.grant.rights.include(right)
        };
        let entry = self.0.iter().find(permits)?;
        Some(&entry.grant.token)
    }

    /// The name of the token by which these credentials open a path, if it has one.
    #[must_use]
    pub fn name(&self, credentials: &Credentials, path: Option<&Path>, now: Date) -> Option<&str> {
        let shown = |entry: &&Entry| entry.is_shown_by(credentials) && entry.opens(path, now);
        let mut names = self.0.iter().filter(shown);
        names.find_map(|entry| entry.grant.name.as_deref())
    }

    /// When the next token expires.
    #[must_use]
    pub fn next_expiry(&self, now: Date) -> Option<Date> {
        let moments = self.0.iter().filter_map(|entry| entry.grant.until);
        moments.filter(|until| *until > now).min()
    }

    /// What a client gets that logs in with a token to see what is at this path: a cookie for all that the token opens.
    /// `keep`: for longer than the browser runs.
    ///
    /// # Errors
    /// How to challenge the client: it has no token, or none that opens anything.
    pub fn log_in(
        &self,
        credentials: &Credentials,
        path: &Path,
        keep: bool,
        now: Date,
    ) -> Result<Session, Challenge> {
        let Credentials::Token(token) = credentials else {
            return Err(Challenge::Missing);
        };
        let below = self.opened_by(credentials, now);
        let below = below.ok_or(Challenge::Invalid)?;
        Ok(Session {
            fields: Proof::of(token).set(&below, keep),
            here: self
                .permit(credentials, Some(path), Right::Read, now)
                .is_ok(),
            below,
        })
    }

    /// What a client gets that logs out: its cookies end.
    #[must_use]
    pub fn log_out(&self, credentials: &Credentials) -> Session {
        let cookies: &[Proof] = match credentials {
            Credentials::Cookies(proofs) => proofs,
            _ => &[],
        };
        let clear = |proof: &Proof| {
            let cookie = Credentials::Cookies([*proof].into());
            // Also that of a token that has expired.
            let always = Date::from_seconds(0);
            let below = self.opened_by(&cookie, always);
            proof.clear(&below.unwrap_or_else(Path::root))
        };
        Session {
            fields: cookies.iter().map(clear).collect(),
            below: Path::root(),
            here: false,
        }
    }

    /// The path below which everything is that these credentials open.
    fn opened_by(&self, credentials: &Credentials, now: Date) -> Option<Path> {
        let shown = |entry: &&Entry| entry.is_shown_by(credentials) && entry.opens(None, now);
        let mut shown = self.0.iter().filter(shown);
        let first = shown.next()?.grant.prefix.name().to_vec();
        let name = shown.fold(first, |common, entry| {
            common_directory(&common, entry.grant.prefix.name())
        });
        Some(Path {
            name: name.into(),
            slash: false,
        })
    }
}

/// The longest path, by whole components, that both are below.
fn common_directory(one: &[u8], other: &[u8]) -> Vec<u8> {
    let split = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|&byte| byte == b'/')
            .map(<[u8]>::to_vec)
            .collect()
    };
    let pairs = split(one).into_iter().zip(split(other));
    let common = pairs.take_while(|(one, other)| one == other);
    common.map(|(one, _)| one).collect::<Vec<_>>().join(&b'/')
}

impl Entry {
    /// Whether these are credentials of this token.
    fn is_shown_by(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::None | Credentials::Unusable => false,
            Credentials::Token(given) => same(given, &self.grant.token),
            Credentials::Cookies(proofs) => proofs
                .iter()
                .fold(false, |shown, proof| shown | same(&proof.0, &self.proof.0)),
        }
    }

    /// Whether it opens a path and has not expired.
    fn opens(&self, path: Option<&Path>, now: Date) -> bool {
        let covers = path.is_none_or(|path| self.grant.prefix.covers(path));
        covers & self.grant.until.is_none_or(|until| now < until)
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
