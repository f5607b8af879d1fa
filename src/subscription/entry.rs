//! The entries of a directory, and a list of them in JSON.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::http::conditional::ETag;
use crate::http::date::Date;
use crate::http::json_value::Quoted;
use crate::http::list_query::ListQuery;
use crate::http::target::{Path, encode};
use crate::job::JobState;

/// An entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When its content was last changed.
    pub modified: Date,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// Nobody may write it: it is complete.
        sealed: bool,
        /// Its tag, if the list needs it and the file could be identified.
        tag: Option<ETag>,
        /// The state of the job whose answer it is, if it is one.
        job: Option<JobState>,
    },
}

impl Entry {
    /// The tag of the file, if it is one and was identified.
    pub(crate) fn tag(&self) -> Option<ETag> {
        match self.kind {
            Kind::File { tag, .. } => tag,
            Kind::Directory => None,
        }
    }

    pub(super) fn size(&self) -> Option<u64> {
        match self.kind {
            Kind::File { size, .. } => Some(size),
            Kind::Directory => None,
        }
    }
}

/// An entry as a member of a JSON array, or the data of an event.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a>(pub &'a [u8], pub &'a Entry);

impl fmt::Display for Json<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Json(name, entry) = self;
        let text = text_of(name);
        let (name, path) = (Quoted(&text), encode(name));
        let seconds = entry.modified.seconds();
        match &entry.kind {
            Kind::Directory => write!(
                out,
                "{{\"name\":{name},\"path\":\"{path}/\",\"kind\":\"directory\",\"size\":null,\
                 \"mtime\":{seconds},\"etag\":null,\"sealed\":null}}"
            ),
            Kind::File {
                size,
                sealed,
                tag,
                job,
            } => {
                write!(
                    out,
                    "{{\"name\":{name},\"path\":\"{path}\",\"kind\":\"file\",\"size\":{size},\
                     \"mtime\":{seconds},\"etag\":"
                )?;
                match tag {
                    Some(tag) => write!(out, "\"W/\\\"{:016x}\\\"\"", tag.0)?,
                    None => out.write_str("null")?,
                }
                write!(out, ",\"sealed\":{sealed}")?;
                match job {
                    Some(job) => write!(out, ",\"job\":\"{job}\"}}"),
                    None => out.write_char('}'),
                }
            }
        }
    }
}

/// A file of a mirrored directory that gets another name soon: the mirror is in the middle of a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// The name that it has.
    pub from: Box<[u8]>,
    /// The name that it is to have.
    pub to: Box<[u8]>,
}

/// A page of a directory, in JSON, of `count` entries in all. `next`: the query of the next page. The only page
/// says neither: it is complete. `moving`: files on it that are to have other names soon.
#[must_use]
pub fn list(
    path: &Path,
    entries: &[(Box<[u8]>, Entry)],
    count: usize,
    next: Option<&ListQuery>,
    moving: &[Renaming],
) -> String {
    let mut json = String::new();
    let members = Members(path, next.is_some());
    // Writing to a String cannot fail.
    let _ = write!(json, "{{{members}");
    let _ = match next {
        Some(next) => write!(json, ",\"count\":{count},\"next\":\"{next}\""),
        None if count > entries.len() => write!(json, ",\"count\":{count},\"next\":null"),
        None => Ok(()),
    };
    for (index, it) in moving.iter().enumerate() {
        let begins = if index == 0 { ",\"moving\":[" } else { "," };
        let [from, to] = [&it.from, &it.to].map(|name| encode(name));
        let _ = write!(json, "{begins}{{\"path\":\"{from}\",\"to\":\"{to}\"}}");
    }
    json.push_str(if moving.is_empty() { "" } else { "]" });
    json.push_str(",\"entries\":[");
    for (index, (name, entry)) in entries.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(json, "{comma}\n{}", Json(name, entry));
    }
    json.push_str("\n]}\n");
    json
}

/// The members of a JSON object that describe a directory itself. The second field: the list is not complete.
pub(super) struct Members<'a>(pub &'a Path, pub bool);

impl fmt::Display for Members<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Members(path, truncated) = self;
        let name = [b"/", path.name.as_ref()].concat();
        let name = text_of(&name);
        let name = Quoted(&name);
        write!(
            out,
            "\"name\":{name},\"path\":\"{path}\",\"truncated\":{truncated}"
        )
    }
}

/// A name as text. Linux allows any bytes in a name: those that are not UTF-8 become U+FFFD.
fn text_of(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}
