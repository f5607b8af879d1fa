//! The records of a mirror, which say which files of its directory are copies, and the search for those files.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::plan::moving_name;
use super::steps::new_name;
use super::tags::tag_of;
use super::tree::{Copy, RECORDS, Tree};
use crate::client::state_file::{Unusable, replace};
use crate::http::conditional::ETag;
use crate::http::json_value::{self, Value};
use crate::http::response;
use crate::limits::MIRROR_DEPTH;
use crate::sorted::sort;

/// What there is below a directory.
#[derive(Default)]
struct Found {
    /// Files in order: their inodes and names. File systems that are mounted below may have the same inodes again.
    files: Vec<(u64, Vec<u8>)>,
    /// Directories that cannot be read: their names with a slash at the end.
    closed: Vec<Vec<u8>>,
}

impl Found {
    fn is_below_closed(&self, name: &[u8]) -> bool {
        self.closed
            .iter()
            .any(|directory| name.starts_with(directory))
    }
}

impl Tree {
    pub(super) fn understand(&mut self, text: &[u8]) -> Result<(), Unusable> {
        let path = self.directory.join(RECORDS);
        let damaged = || Unusable::Failed(format!("{} is damaged", path.display()));
        let value = Value::parse(text).ok_or_else(damaged)?;
        let url = value
            .get("url")
            .and_then(Value::as_str)
            .ok_or_else(damaged)?;
        if url != self.url {
            let (directory, wanted) = (self.directory.display(), &self.url);
            return Err(Unusable::Failed(format!(
                "{directory} is a mirror of {url} and not of {wanted}"
            )));
        }
        self.live = value
            .get("live")
            .and_then(Value::as_str)
            .and_then(response::tag);
        for file in value.get("files").ok_or_else(damaged)?.items() {
            let record = || {
                let etag = response::tag(file.get("etag")?.as_str()?)?;
                let name: Vec<u8> = percent_decode_str(file.get("name")?.as_str()?).collect();
                let further = file.get("further").map(Value::items).unwrap_or_default();
                let further = further.iter().filter_map(Value::as_str);
                let further = further.map(|name| percent_decode_str(name).collect());
                let copy = Copy {
                    name: name.into(),
                    further: further.collect(),
                    inode: file.get("inode")?.as_u64(),
                    tagged: file.get("tagged").is_some(),
                    size: 0,
                    sealed: false,
                };
                Some((etag, copy))
            };
            let (etag, copy) = record().ok_or_else(damaged)?;
            self.copies.insert(etag, copy);
        }
        Ok(())
    }

    /// Finds the recorded files, under whatever name a crash has left them. What is in a directory that cannot be read stays
    /// recorded as it is.
    pub(super) fn find_copies(&mut self) -> io::Result<()> {
        let found = self.search()?;
        let (directory, out_of_reach) = (self.directory.clone(), &mut self.out_of_reach);
        let path = |name: &[u8]| directory.join(OsStr::from_bytes(name));
        let below_closed = |name: &[u8]| found.is_below_closed(name);
        self.copies.retain(|etag, copy| {
            if below_closed(&copy.name) {
                out_of_reach.insert(*etag, copy.clone());
                return false;
            }
            match copy.inode {
                Some(inode) => match name_of(&found.files, inode, copy, *etag, &path) {
                    Some(name) => copy.name = name.into(),
                    None => return false,
                },
                // It was about to be made: whoever made this file knew the tag.
                None if tag_of(&path(&copy.name)) != Some(*etag) => return false,
                None => {}
            }
            let Ok(found) = fs::symlink_metadata(path(&copy.name)) else {
                return false;
            };
            let is_link = |name: &[u8]| {
                let it = |other: fs::Metadata| (other.dev(), other.ino());
                fs::symlink_metadata(path(name))
                    .is_ok_and(|other| it(other) == (found.dev(), found.ino()))
            };
            let first = copy.name.clone();
            // One that cannot be looked at stays recorded.
            copy.further
                .retain(|name| **name != *first && (below_closed(name) || is_link(name)));
            copy.inode = Some(found.ino());
            copy.size = found.len();
            copy.sealed = found.mode() & 0o222 == 0;
            // Another file may have got the inode number meanwhile.
            let tag = tag_of(&path(&copy.name));
            let is_it = copy.has_tag(tag, *etag);
            copy.tagged = tag == Some(*etag);
            is_it
        });
        self.remove_half_made(&found);
        self.note_moves(found.files.iter().map(|(_, name)| &**name));
        Ok(())
    }

    /// Removes what a crash has left: new files without a name of their own, and files of which there is another copy already.
    fn remove_half_made(&self, found: &Found) {
        for (_, name) in &found.files {
            let last = name.rsplit(|&byte| byte == b'/').next();
            let Some(last) = last.and_then(|last| str::from_utf8(last).ok()) else {
                continue;
            };
            let digits = last.rsplit('-').next().unwrap_or_default();
            let tag = ETag::from_digits(digits.as_bytes());
            let Some(tag) = tag else { continue };
            let copy = self.copies.get(&tag);
            let is_left = last == new_name(tag) || last == moving_name(tag) && copy.is_some();
            if is_left && copy.is_none_or(|copy| *copy.name != **name) {
                let _ = self.place(name).and_then(|place| place.remove());
            }
        }
    }

    /// Walks through the directory of the mirror, and says which directories below it cannot be read.
    fn search(&mut self) -> io::Result<Found> {
        let mut found = Found::default();
        let mut directories = vec![(self.directory.clone(), Vec::new())];
        while let Some((directory, prefix)) = directories.pop() {
            match enter(&directory, &prefix, &mut found, &mut directories) {
                Ok(()) => {}
                Err(error) if prefix.is_empty() => return Err(error),
                // Somebody has removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let name = String::from_utf8_lossy(&prefix);
                    self.reports.push(format!(
                        "{name} cannot be read here ({error}): it is left as it is until the mirror restarts"
                    ));
                    found.closed.push(prefix);
                }
            }
        }
        sort(&mut found.files);
        Ok(found)
    }

    /// Writes the records.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn save(&self) -> io::Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        let mut out = String::from("{\"url\":");
        json_value::write_string(&mut out, &self.url);
        if let Some(live) = self.live {
            out.push_str(",\"live\":");
            json_value::write_string(&mut out, &live.to_string());
        }
        out.push_str(",\"files\":[");
        let copies = self.copies.iter().chain(self.out_of_reach.iter());
        for (index, (etag, copy)) in copies.enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            let encoded = |name: &[u8]| percent_encode(name, NON_ALPHANUMERIC).to_string();
            let name = encoded(&copy.name);
            let inode = copy
                .inode
                .map_or_else(|| "null".into(), |inode| inode.to_string());
            out.push_str("{\"etag\":");
            json_value::write_string(&mut out, &etag.to_string());
            out.push_str(&format!(",\"name\":\"{name}\",\"inode\":{inode}"));
            if copy.tagged {
                out.push_str(",\"tagged\":true");
            }
            if !copy.further.is_empty() {
                let further = copy.further.iter().map(|name| encoded(name));
                let further = further.collect::<Vec<_>>().join("\",\"");
                out.push_str(&format!(",\"further\":[\"{further}\"]"));
            }
            out.push('}');
        }
        out.push_str("\n]}\n");
        replace(&self.directory.join(RECORDS), out.as_bytes())
    }
}

/// Takes the entries of one directory.
fn enter(
    directory: &Path,
    prefix: &[u8],
    found: &mut Found,
    directories: &mut Vec<(PathBuf, Vec<u8>)>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = [prefix, entry.file_name().as_bytes()].concat();
        let kind = entry.file_type()?;
        let depth = prefix.iter().filter(|&&byte| byte == b'/').count();
        if kind.is_dir() && depth < MIRROR_DEPTH {
            directories.push((entry.path(), [&name, &b"/"[..]].concat()));
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(file) => found.files.push((file.ino(), name)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The name of the file that a copy is: it has its inode and, if it has any, its tag.
fn name_of(
    files: &[(u64, Vec<u8>)],
    inode: u64,
    recorded: &Copy,
    etag: ETag,
    path: &impl Fn(&[u8]) -> PathBuf,
) -> Option<Vec<u8>> {
    let first = files.partition_point(|(other, _)| *other < inode);
    let same = files[first..].iter();
    let same = same.take_while(|(other, _)| *other == inode);
    let same = same.map(|(_, name)| name);
    let fits = |name: &&Vec<u8>| recorded.has_tag(tag_of(&path(name)), etag);
    // The recorded name comes first, then what it was renamed to, which is not recorded yet; then those whose tag says so.
    let rank = |name: &&Vec<u8>| {
        let is_further = recorded.further.iter().any(|other| **other == ***name);
        let is_other = tag_of(&path(name)) != Some(etag);
        (***name != *recorded.name, is_further, is_other)
    };
    same.filter(fits).min_by_key(rank).cloned()
}
