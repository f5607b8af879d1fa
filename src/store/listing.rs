//! What a directory shows: its entries as a page for people or as JSON for programs. Any byte may be in a name; all of
//! them are escaped.

use std::fmt::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::file::stat;
use super::root::Files;
use crate::http::date::Date;
use crate::http::target::{Path, encode};
use crate::limits::{ENTRIES_MAX, LISTING_MAX};
use crate::subscription::changelog::{self, Entry, Kind};

/// For whom a listing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// HTML.
    Page,
    /// JSON, with the tags of the files. Each costs a descriptor of the file for a moment and about three system calls
    /// more than a row of the page, some 5 µs.
    Topics,
}

/// What a directory shows.
pub struct Listing {
    /// Names and what they lead to, in order.
    pub entries: Vec<(Vec<u8>, Entry)>,
    /// There are more.
    pub truncated: bool,
}

/// Lists a directory in this form.
///
/// # Errors
/// As [`read`].
pub fn write(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    form: Form,
) -> Result<Vec<u8>, Errno> {
    let listing = read(files, directory, path, form)?;
    let entries = listing
        .entries
        .iter()
        .map(|(name, entry)| (name.as_slice(), entry));
    let text = match form {
        Form::Page => page(path, entries, listing.truncated),
        Form::Topics => changelog::list(path, entries, listing.truncated),
    };
    Ok(text.into_bytes())
}

/// Reads what may be asked for below a directory: regular files and directories whose names do not begin with a dot,
/// also behind symbolic links. At most [`LISTING_MAX`] of them. The name of a link is resolved as a request would
/// resolve it, so that nothing is told of what lies outside the root.
///
/// # Errors
/// EACCES if it cannot be read, EMFILE and the like.
pub fn read(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    form: Form,
) -> Result<Listing, Errno> {
    // The descriptor to look names up with cannot itself be read.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    let mut entries = Vec::new();
    let mut more = false;
    for (count, entry) in Dir::new(readable)?.enumerate() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name.starts_with(b".") && count < ENTRIES_MAX {
            continue;
        }
        more = entries.len() == LISTING_MAX || count >= ENTRIES_MAX;
        if more {
            break;
        }
        entries.extend(look(files, directory, path, name, form)?);
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    // POSIX lets readdir(3) give a name twice that is renamed meanwhile, and some file systems do. The later look counts.
    entries.reverse();
    entries.dedup_by(|later, first| later.0 == first.0);
    entries.reverse();
    Ok(Listing {
        entries,
        truncated: more,
    })
}

/// `None` for what is neither file nor directory, or gone, or behind a link that leads nowhere or out of the root.
fn look(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: Vec<u8>,
    form: Form,
) -> Result<Option<(Vec<u8>, Entry)>, Errno> {
    let found = match form {
        Form::Page => rustix::fs::statx(
            directory,
            name.as_slice(),
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        )
        .map(|stat| (None, stat)),
        Form::Topics => {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(directory, name.as_slice(), flags, Mode::empty()).and_then(held)
        }
    };
    let found = match found {
        Ok((_, stat)) if FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Symlink => {
            let separator: &[u8] = if path.name.is_empty() { b"" } else { b"/" };
            let below = [&path.name, separator, &name].concat();
            files.resolve(&below).and_then(held)
        }
        found => found,
    };
    let (place, stat) = match found {
        Ok(found) => found,
        // A list that silently lacks what is there would be wrong.
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File {
            size: stat.stx_size,
            sealed: stat.stx_mode & 0o222 == 0,
            tag: match (form, place) {
                (Form::Topics, Some(place)) => files.tag(place.as_fd(), &stat),
                _ => None,
            },
        },
        _ => return Ok(None),
    };
    let modified = Date::from_seconds(stat.stx_mtime.tv_sec);
    Ok(Some((name, Entry { modified, kind })))
}

fn held(place: OwnedFd) -> Result<(Option<OwnedFd>, rustix::fs::Statx), Errno> {
    let stat = stat(place.as_fd())?;
    Ok((Some(place), stat))
}

fn page<'a>(
    path: &Path,
    entries: impl Iterator<Item = (&'a [u8], &'a Entry)>,
    more: bool,
) -> String {
    let mut page = String::new();
    let title = Escaped(b"/").to_string() + &Escaped(&path.name).to_string();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>:root{{color-scheme:light dark}}body{{font-family:system-ui,sans-serif;margin:1em}}h1{{font-size:1.2em}}\
         td{{padding:.15em 1em .15em 0;font-family:monospace}}td+td{{text-align:right}}</style></head>\n\
         <body><h1>{title}</h1>\n<table>\n"
    );
    if !path.name.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td></tr>\n");
    }
    for (name, Entry { modified, kind }) in entries {
        let (link, text) = (encode(name), Escaped(name));
        // "./" keeps a name with a colon from being read as a scheme.
        let _ = match kind {
            Kind::Directory => writeln!(
                page,
                "<tr><td><a href=\"./{link}/\">{text}/</a></td><td></td><td>-</td><td>{modified}</td></tr>"
            ),
            Kind::File { size, .. } => writeln!(
                page,
                "<tr><td><a href=\"./{link}\">{text}</a></td><td><a href=\"./{link}?view\">follow</a></td>\
                 <td>{size}</td><td>{modified}</td></tr>"
            ),
        };
    }
    page.push_str("</table>\n");
    if more {
        let _ = writeln!(page, "<p>Not all entries are shown.</p>");
    }
    page.push_str("</body></html>\n");
    page
}

/// A name as HTML text; bytes that are not UTF-8 are shown as U+FFFD.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                control if control.is_control() => out.write_char(char::REPLACEMENT_CHARACTER)?,
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}
