//! The page that lists a directory: names, sizes, times. Any byte may be in a name; all of them are escaped.

use std::fmt::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::http::date::Date;
use crate::http::target::{Path, encode};
use crate::limits::{ENTRIES_MAX, LISTING_MAX};

struct Entry {
    name: Vec<u8>,
    directory: bool,
    size: u64,
    modified: Date,
}

/// Lists what may be asked for below a directory: regular files and directories whose names do not begin with a dot,
/// also behind symbolic links. At most [`LISTING_MAX`] of them. `follow` resolves the name of a link as a request would,
/// so that nothing is told of what lies outside the root.
///
/// # Errors
/// EACCES if it cannot be read, EMFILE and the like.
pub fn page(
    directory: &OwnedFd,
    path: &Path,
    follow: impl Fn(&[u8]) -> Result<OwnedFd, Errno>,
) -> Result<Vec<u8>, Errno> {
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
        entries.extend(look(directory, name, &follow));
    }
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(write(path, &entries, more))
}

/// `None` for what is neither file nor directory, or gone, or behind a link that leads nowhere or out of the root.
fn look(
    directory: &OwnedFd,
    name: Vec<u8>,
    follow: impl Fn(&[u8]) -> Result<OwnedFd, Errno>,
) -> Option<Entry> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let mut stat = rustix::fs::statat(directory, name.as_slice(), flags).ok()?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        stat = rustix::fs::fstat(follow(&name).ok()?).ok()?;
    }
    let kind = FileType::from_raw_mode(stat.st_mode);
    #[allow(
        clippy::unnecessary_cast,
        reason = "the type differs between architectures"
    )]
    let modified = Date::from_seconds(stat.st_mtime as i64);
    matches!(kind, FileType::RegularFile | FileType::Directory).then(|| Entry {
        name,
        directory: kind == FileType::Directory,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified,
    })
}

fn write(path: &Path, entries: &[Entry], more: bool) -> Vec<u8> {
    let mut page = String::with_capacity(256 + 160 * entries.len());
    let title = Escaped(b"/").to_string() + &Escaped(&path.name).to_string();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>td{{padding:0 1em 0 0;font-family:monospace}}td+td{{text-align:right}}</style></head>\n\
         <body><h1>{title}</h1>\n<table>\n"
    );
    if !path.name.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td></tr>\n");
    }
    for Entry {
        name,
        directory,
        size,
        modified,
    } in entries
    {
        let slash = if *directory { "/" } else { "" };
        let size = if *directory {
            String::from("-")
        } else {
            size.to_string()
        };
        // "./" keeps a name with a colon from being read as a scheme.
        let _ = writeln!(
            page,
            "<tr><td><a href=\"./{}{slash}\">{}{slash}</a></td><td>{size}</td><td>{modified}</td></tr>",
            encode(name),
            Escaped(name)
        );
    }
    page.push_str("</table>\n");
    if more {
        let _ = writeln!(page, "<p>Not all entries are shown.</p>");
    }
    page.push_str("</body></html>\n");
    page.into_bytes()
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
