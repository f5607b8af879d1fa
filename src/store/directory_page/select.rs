//! A page of a directory: the first entries after a place, in an order. However many entries there are, no more than those
//! of the page are held.

use std::os::fd::BorrowedFd;

use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::http::list_query::{ListQuery, Place, Sort};
use crate::http::target::Path;
use crate::limits::PAGE_ENTRIES;
use crate::sorted::SortedSet;
use crate::store::listing::{Form, look, measure};
use crate::store::root::Files;
use crate::subscription::entry::{Entry, Kind};

/// A part of the list of a directory.
pub struct Page {
    /// In order.
    pub entries: Vec<(Box<[u8]>, Entry)>,
    /// The number of entries that the query asks for, on all pages. On other pages a symbolic link counts wherever it
    /// leads.
    pub count: usize,
    /// The last place of this page, if there are more entries after it.
    pub last: Option<Place>,
}

/// Reads a page. `None`: there are more than `most` entries to look at.
///
/// # Errors
/// EACCES if the directory cannot be read, EMFILE and the like.
pub fn select(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    form: Form,
    query: &ListQuery,
    most: usize,
) -> Result<Option<Page>, Errno> {
    let mut count = 0;
    let mut first = First::default();
    // The descriptor to look names up with cannot itself be read.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    for (index, entry) in Dir::new(readable)?.enumerate() {
        if index == most {
            return Ok(None);
        }
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") || !may_be_listed(entry.file_type()) || !query.fits(name) {
            continue;
        }
        count += 1;
        let key = match query.sort {
            Sort::Name => Some(0),
            sort => key(files, directory, path, name, sort)?,
        };
        let Some(place) = key.map(|key| Place::new(key, name)) else {
            count -= 1;
            continue;
        };
        if query.after.as_ref().is_none_or(|after| place > *after) {
            first.offer(place);
        }
    }
    let mut entries = Vec::new();
    for place in &first.places {
        let found = look(files, directory, path, place.name.to_vec(), form)?;
        entries.extend(found.map(|(name, entry)| (name.into(), entry)));
    }
    // Some entries turned out not to be listed.
    count -= first.places.len() - entries.len();
    let last = first.places.pop_last();
    Ok(Some(Page {
        entries,
        count,
        last: last.filter(|_| first.more),
    }))
}

/// By what the directory says of an entry; some file systems say nothing.
fn may_be_listed(kind: FileType) -> bool {
    use FileType::{Directory, RegularFile, Symlink, Unknown};
    matches!(kind, Directory | RegularFile | Symlink | Unknown)
}

/// What an entry is sorted by; `None` if it is not listed.
fn key(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: &[u8],
    sort: Sort,
) -> Result<Option<u64>, Errno> {
    let found = measure(files, directory, path, name)?;
    Ok(found.map(|entry| match (sort, entry.kind) {
        (Sort::Time, _) => entry.modified.seconds(),
        (_, Kind::File { size, .. }) => size,
        (_, Kind::Directory) => 0,
    }))
}

/// The first places of those that are offered, in order. A directory that changes while it is read may name an entry twice.
#[derive(Default)]
struct First {
    places: SortedSet<Place>,
    /// Some are left out.
    more: bool,
}

impl First {
    fn offer(&mut self, place: Place) {
        let full = self.places.len() == PAGE_ENTRIES;
        if full && self.places.last().is_some_and(|last| place > *last) {
            self.more = true;
            return;
        }
        let new = self.places.insert(place);
        if full && new {
            self.places.pop_last();
            self.more = true;
        }
    }
}
