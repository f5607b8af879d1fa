//! What the head of a writing request says: POST, PATCH, PUT, MOVE, DELETE. Whether it may, and what becomes of it, is
//! decided elsewhere.
//!
//! The form of an append at an offset is that of resumable uploads (draft-ietf-httpbis-resumable-upload, without its
//! upload resource); MOVE, `Destination` and `Overwrite` are WebDAV's (RFC 4918 section 9.9).

use super::digest::{self, Digests};
use super::head::Status;
use super::prefer::Preferences;
use super::request_body::Framing;
use super::target::{self, Invalid, Path, Target};

/// A method that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of RFC 9110, 5789 and 4918"
)]
pub enum Verb {
    Post,
    Patch,
    Put,
    Move,
    Delete,
}

impl Verb {
    /// The method with this name, which is case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Verb> {
        match name {
            "POST" => Some(Verb::Post),
            "PATCH" => Some(Verb::Patch),
            "PUT" => Some(Verb::Put),
            "MOVE" => Some(Verb::Move),
            "DELETE" => Some(Verb::Delete),
            _ => None,
        }
    }
}

/// What to do with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Append the body as one record.
    Append {
        /// With a line end, if the body has none.
        line: bool,
    },
    /// Append the body if the file is exactly so long.
    AppendAt {
        /// That length.
        offset: u64,
        /// Then seal the file.
        complete: bool,
    },
    /// Replace the whole file by the body.
    Replace,
    /// Give the file another name.
    Move {
        /// That name.
        destination: Path,
        /// Even if a file has it.
        overwrite: bool,
    },
    /// Remove the file.
    Delete,
}

/// Why a writing request cannot be carried out, whatever its target is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The status.
    pub status: Status,
    /// One line for the client.
    pub line: &'static str,
    /// Field lines of the response.
    pub fields: &'static str,
}

impl Fault {
    fn bad(line: &'static str) -> Fault {
        Fault {
            status: Status::BadRequest,
            line,
            fields: "",
        }
    }
}

/// Field lines that name the forms of a PATCH (RFC 5789 section 3.1).
pub const ACCEPT_PATCH: &str =
    "Accept-Patch: application/partial-upload, application/offset+octet-stream\r\n";

/// The head of a writing request, as far as it is about writing. Its conditions and credentials are those of
/// [`Request`](super::request::Request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteHead {
    /// The method.
    pub verb: Verb,
    /// What is to be written.
    pub target: Result<Target, Invalid>,
    /// What to do with it.
    pub change: Result<Change, Fault>,
    /// `Upload-Offset` of all methods but PATCH: the file must be exactly so long.
    pub expected: Option<u64>,
    /// `Content-Digest`
    pub digests: Option<Digests>,
    /// Where the body ends.
    pub framing: Framing,
    /// `Expect: 100-continue`
    pub expects_continue: bool,
    /// `Prefer`
    pub preferences: Preferences,
    /// `Idempotency-Key`
    pub idempotency_key: Option<Box<[u8]>>,
    /// `Content-Type`, empty if there is none.
    pub content_type: Box<[u8]>,
    /// The site of the page whose script sent it.
    pub origin: Option<Box<[u8]>>,
    /// The client lets the connection stay once the body was read.
    pub keep_alive: bool,
}

impl WriteHead {
    /// The path that is to be written.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.target {
            Ok(Target::Path(path)) => Some(path),
            _ => None,
        }
    }
}

/// The fields that matter to a writing request, gathered in one pass.
#[derive(Debug, Default)]
pub struct WriteFields<'a> {
    origin: Option<&'a [u8]>,
    destination: Option<&'a [u8]>,
    overwrite: Option<&'a [u8]>,
    offset: Option<&'a [u8]>,
    complete: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    digest: Vec<u8>,
    encoded: bool,
    partial: bool,
    expects_continue: bool,
    preferences: Preferences,
    idempotency_key: Option<&'a [u8]>,
    /// A field came twice that may come once.
    repeated: bool,
}

impl<'a> WriteFields<'a> {
    /// Takes a field.
    pub fn take(&mut self, name: &str, value: &'a [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let once = if is("origin") {
            &mut self.origin
        } else if is("destination") {
            &mut self.destination
        } else if is("overwrite") {
            &mut self.overwrite
        } else if is("upload-offset") {
            &mut self.offset
        } else if is("upload-complete") {
            &mut self.complete
        } else if is("content-type") {
            &mut self.content_type
        } else if is("idempotency-key") {
            &mut self.idempotency_key
        } else {
            if is("content-digest") {
                if !self.digest.is_empty() {
                    self.digest.push(b',');
                }
                self.digest.extend_from_slice(value);
            } else if is("content-encoding") {
                self.encoded = true;
            } else if is("content-range") {
                self.partial = true;
            } else if is("expect") {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            } else if is("prefer") {
                self.preferences.add(value);
            }
            return;
        };
        self.repeated |= once.replace(value).is_some();
    }

    /// The head of a writing request with these fields. `written` is its target as it came, `host` its Host field.
    #[must_use]
    pub fn head(
        &self,
        verb: Verb,
        written: &[u8],
        host: Option<&[u8]>,
        framing: Framing,
        http10: bool,
        keep_alive: bool,
    ) -> WriteHead {
        let (change, expected, digests) = match self.read(verb, written, host, framing) {
            Ok((change, expected, digests)) => (Ok(change), expected, digests),
            Err(fault) => (Err(fault), None, None),
        };
        WriteHead {
            verb,
            target: target::decode(written),
            change,
            expected,
            digests,
            framing,
            expects_continue: self.expects_continue && !http10 && !framing.is_empty(),
            preferences: self.preferences.clone(),
            idempotency_key: self.idempotency_key.map(Into::into),
            content_type: self.content_type.unwrap_or_default().into(),
            origin: self.origin.map(Into::into),
            keep_alive,
        }
    }

    #[allow(clippy::type_complexity, reason = "the three fallible parts of a head")]
    fn read(
        &self,
        verb: Verb,
        written: &[u8],
        host: Option<&[u8]>,
        framing: Framing,
    ) -> Result<(Change, Option<u64>, Option<Digests>), Fault> {
        if self.repeated {
            return Err(Fault::bad("a field that may come once is repeated"));
        }
        if self.idempotency_key.is_some_and(<[u8]>::is_empty) {
            return Err(Fault::bad("an empty Idempotency-Key names nothing"));
        }
        check_query(verb, written)?;
        if self.encoded {
            return Err(Fault {
                status: Status::UnsupportedMediaType,
                line: "a content coding is not decoded: send the bytes as they are to be stored",
                fields: "Accept-Encoding: identity\r\n",
            });
        }
        let digests = match self.digest.as_slice() {
            [] => None,
            value => Some(Digests::parse(value).map_err(|line| Fault {
                fields: digest::WANTED,
                ..Fault::bad(line)
            })?),
        };
        let offset = match self.offset {
            Some(value) => Some(number(value).ok_or(Fault::bad("malformed Upload-Offset"))?),
            None => None,
        };
        let change = match verb {
            Verb::Patch => return Ok((self.append_at(offset)?, None, digests)),
            Verb::Post => Change::Append {
                line: parameters(written).any(|name| name == b"line"),
            },
            Verb::Put if self.partial => {
                return Err(Fault::bad(
                    "a PUT replaces the whole file: no Content-Range",
                ));
            }
            Verb::Put => Change::Replace,
            Verb::Move | Verb::Delete if !framing.is_empty() => {
                return Err(Fault {
                    status: Status::UnsupportedMediaType,
                    line: "MOVE and DELETE have no body",
                    fields: "",
                });
            }
            Verb::Move => self.movement(host)?,
            Verb::Delete => Change::Delete,
        };
        // A client that sends a part of something would take the response for "all of it is there".
        if self.complete == Some(b"?0") {
            return Err(Fault::bad("a part of an upload is sent by PATCH"));
        }
        Ok((change, offset, digests))
    }

    fn append_at(&self, offset: Option<u64>) -> Result<Change, Fault> {
        let media = self.content_type.unwrap_or_default();
        let media = media.split(|&byte| byte == b';').next().unwrap_or_default();
        let media = media.trim_ascii();
        let tus = media.eq_ignore_ascii_case(b"application/offset+octet-stream");
        if !tus && !media.eq_ignore_ascii_case(b"application/partial-upload") {
            return Err(Fault {
                status: Status::UnsupportedMediaType,
                line: "PATCH appends at an offset: Content-Type: application/partial-upload",
                fields: ACCEPT_PATCH,
            });
        }
        let complete = match self.complete {
            Some(b"?1") => true,
            Some(b"?0") => false,
            // tus 1.0 has no such field.
            None if tus => false,
            _ => return Err(Fault::bad("PATCH needs Upload-Complete: ?0 or ?1")),
        };
        let offset = offset.ok_or(Fault::bad("PATCH needs an Upload-Offset"))?;
        Ok(Change::AppendAt { offset, complete })
    }

    fn movement(&self, host: Option<&[u8]>) -> Result<Change, Fault> {
        let overwrite = match self.overwrite {
            None | Some(b"T" | b"t") => true,
            Some(b"F" | b"f") => false,
            Some(_) => return Err(Fault::bad("Overwrite must be T or F")),
        };
        let elsewhere = Fault {
            status: Status::Forbidden,
            line: "the Destination may not be written",
            fields: "",
        };
        let value = self
            .destination
            .ok_or(Fault::bad("MOVE needs a Destination"))?;
        let malformed = Fault::bad("malformed Destination");
        if value.contains(&b'?') || value.contains(&b'#') {
            return Err(malformed);
        }
        let destination = match target::decode(value) {
            Ok(Target::Path(path)) if !path.slash && !path.name.is_empty() => path,
            Ok(Target::Path(_) | Target::Nowhere) => return Err(elsewhere),
            Ok(Target::Asterisk) | Err(_) => return Err(malformed),
        };
        let other =
            |authority: &[u8]| host.is_none_or(|host| !host.eq_ignore_ascii_case(authority));
        if target::authority(value).is_some_and(other) {
            return Err(elsewhere);
        }
        Ok(Change::Move {
            destination,
            overwrite,
        })
    }
}

/// An integer that is not negative (RFC 9651 section 3.3.1), of up to 19 digits instead of 15.
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    digits
        .then(|| str::from_utf8(value).ok()?.parse().ok())
        .flatten()
}

/// The names of the parameters in the query of a target, with or without a value.
fn parameters(written: &[u8]) -> impl Iterator<Item = &[u8]> {
    let query = target::query(written).unwrap_or_default();
    let parameters = query.split(|&byte| byte == b'&');
    let names = parameters.filter_map(|parameter| parameter.split(|&byte| byte == b'=').next());
    names.filter(|name| !name.is_empty())
}

/// A parameter that is not known is refused: `?lines` would leave a record without its line end.
fn check_query(verb: Verb, written: &[u8]) -> Result<(), Fault> {
    if parameters(written).any(|name| matches!(name, b"generation" | b"generations")) {
        return Err(Fault::bad(
            "a write goes to the current file of the name: no ?generation",
        ));
    }
    // Clients have one URL for all methods; but a PATCH adds no line end.
    let knows = |name: &[u8]| verb != Verb::Patch && name == b"line";
    match parameters(written).all(knows) {
        true => Ok(()),
        false => Err(Fault::bad(
            "the query has an unknown parameter: a write takes only ?line, with POST",
        )),
    }
}
