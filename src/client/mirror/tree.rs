//! The copies: files in the directory of the mirror, and the records that say which of its files are copies.
//!
//! A copy is known by its inode, so that a crash between a rename and the record of it loses nothing. Its length is the
//! position: how much of the file is here is stored nowhere else.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{FlockOperation, XattrFlags};
use rustix::io::Errno;

use super::place::{Place, remove_empty};
use super::plan::{Local, Step};
use crate::client::state_file::{Unusable, replace};
use crate::http::conditional::ETag;
use crate::http::json_value::{self, Value};
use crate::http::position::{CHECKED, Check, checked_from};
use crate::http::response;
use crate::limits::MIRROR_DEPTH;
use crate::sorted::SortedMap;
use crate::store::identity::TAG_ATTRIBUTE;

const RECORDS: &str = ".openrange-mirror";

/// The copies.
pub struct Tree {
    directory: PathBuf,
    url: String,
    copies: SortedMap<ETag, Copy>,
    /// The generation that had the name when a mirror of one file saw it last, unless all of it is here.
    pub live: Option<ETag>,
    /// Held until the end. `None`: the directory is not used yet.
    lock: Option<File>,
}

#[derive(Debug, Clone)]
struct Copy {
    name: Box<[u8]>,
    /// `None`: about to be made.
    inode: Option<u64>,
    size: u64,
    sealed: bool,
}

impl Tree {
    /// The copies in a directory, if it is a mirror already; a new one is made by [`Tree::establish`].
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open(directory: &Path, url: &str) -> Result<Tree, Unusable> {
        let mut tree = Tree {
            directory: directory.to_owned(),
            url: url.into(),
            copies: SortedMap::new(),
            live: None,
            lock: None,
        };
        match fs::metadata(directory) {
            Ok(found) if !found.is_dir() => {
                let directory = directory.display();
                Err(Unusable::Failed(format!("{directory} is no directory")))
            }
            _ if directory.join(RECORDS).exists() => tree.establish().map(|()| tree),
            _ => Ok(tree),
        }
    }

    /// Locks the directory, which is made if need be, and reads which of its files are copies. A mirror of what is not there
    /// leaves no trace: this is for those that have had an answer.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn establish(&mut self) -> Result<(), Unusable> {
        if self.lock.is_some() {
            return Ok(());
        }
        let directory = self.directory.clone();
        let named =
            |error: io::Error| Unusable::Failed(format!("{}: {error}", directory.display()));
        fs::create_dir_all(&directory).map_err(named)?;
        let lock = directory.join(format!("{RECORDS}.lock"));
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(lock)
            .map_err(named)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Unusable::Locked),
            Err(error) => return Err(named(error.into())),
        }
        match fs::read(directory.join(RECORDS)) {
            Ok(text) => self.understand(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(error)),
        }
        self.find_copies().map_err(named)?;
        self.lock = Some(lock);
        self.save().map_err(named)
    }

    fn understand(&mut self, text: &[u8]) -> Result<(), Unusable> {
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
                let copy = Copy {
                    name: name.into(),
                    inode: file.get("inode")?.as_u64(),
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

    /// Finds the recorded files, under whatever name a crash has left them.
    fn find_copies(&mut self) -> io::Result<()> {
        let mut names = SortedMap::new();
        let mut directories = vec![(self.directory.clone(), Vec::new())];
        while let Some((directory, prefix)) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let name = [&prefix, entry.file_name().as_bytes()].concat();
                let kind = entry.file_type()?;
                let depth = prefix.iter().filter(|&&byte| byte == b'/').count();
                if kind.is_dir() && depth < MIRROR_DEPTH {
                    directories.push((entry.path(), [&name, &b"/"[..]].concat()));
                } else if kind.is_file() {
                    names.insert(entry.metadata()?.ino(), name);
                }
            }
        }
        let directory = self.directory.clone();
        self.copies.retain(|etag, copy| {
            let path = |name: &[u8]| directory.join(OsStr::from_bytes(name));
            match copy.inode {
                Some(inode) => match names.get(&inode) {
                    Some(name) => copy.name = name.as_slice().into(),
                    None => return false,
                },
                // It was about to be made: whoever made this file knew the tag.
                None if tag_of(&path(&copy.name)) != Some(*etag) => return false,
                None => {}
            }
            let Ok(found) = fs::symlink_metadata(path(&copy.name)) else {
                return false;
            };
            copy.inode = Some(found.ino());
            copy.size = found.len();
            copy.sealed = found.mode() & 0o222 == 0;
            // Another file may have got the inode number meanwhile.
            tag_of(&path(&copy.name)).is_none_or(|tag| tag == *etag)
        });
        Ok(())
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
        for (index, (etag, copy)) in self.copies.iter().enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            let name = percent_encode(&copy.name, NON_ALPHANUMERIC);
            let inode = copy
                .inode
                .map_or_else(|| "null".into(), |inode| inode.to_string());
            out.push_str("{\"etag\":");
            json_value::write_string(&mut out, &etag.to_string());
            out.push_str(&format!(",\"name\":\"{name}\",\"inode\":{inode}}}"));
        }
        out.push_str("\n]}\n");
        replace(&self.directory.join(RECORDS), out.as_bytes())
    }

    /// The copies.
    #[must_use]
    pub fn locals(&self) -> Vec<Local> {
        let local = |(etag, copy): &(ETag, Copy)| Local {
            name: copy.name.clone(),
            etag: *etag,
            size: copy.size,
            sealed: copy.sealed,
        };
        self.copies.iter().map(local).collect()
    }

    /// How much of a file is here.
    #[must_use]
    pub fn size(&self, etag: ETag) -> Option<u64> {
        self.copies.get(&etag).map(|copy| copy.size)
    }

    /// The name of a copy, for people.
    #[must_use]
    pub fn name(&self, etag: ETag) -> String {
        let name = self.copies.get(&etag).map_or(&b""[..], |copy| &copy.name);
        String::from_utf8_lossy(name).into_owned()
    }

    /// Whether a file of this name is there that is no copy.
    #[must_use]
    pub fn is_foreign(&self, name: &[u8]) -> bool {
        let ours = self.copies.values().any(|copy| *copy.name == *name);
        !ours && is_taken(self.place(name).and_then(|place| place.stat()))
    }

    fn place(&self, name: &[u8]) -> io::Result<Place> {
        Place::find(&self.directory, name, false)
    }

    /// With the directories on the way; `None`: something else is in the way.
    fn make_place(&self, name: &[u8]) -> io::Result<Option<Place>> {
        match Place::find(&self.directory, name, true) {
            Ok(place) => Ok(Some(place)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says in the records which files are about to be made.
    ///
    /// # Errors
    /// See [`Tree::save`].
    pub fn announce(&mut self, steps: &[Step]) -> io::Result<()> {
        let before = self.copies.len();
        self.copies.extend(steps.iter().filter_map(|step| {
            let Step::Create(etag, name) = step else {
                return None;
            };
            let copy = Copy {
                name: name.clone(),
                inode: None,
                size: 0,
                sealed: false,
            };
            Some((*etag, copy))
        }));
        if self.copies.len() > before {
            self.save()
        } else {
            Ok(())
        }
    }

    /// Does one step of a plan; `false`: it is not possible now, since somebody else changes the directory.
    ///
    /// # Errors
    /// ENOSPC, EACCES and the like.
    pub fn apply(&mut self, step: &Step) -> io::Result<bool> {
        match step {
            Step::Create(etag, name) => self.create(*etag, name),
            Step::Rename(etag, name) => self.rename(*etag, name),
            Step::Remove(etag) => {
                if let Some(copy) = self.copies.remove(etag) {
                    match self.place(&copy.name) {
                        Ok(place) => place.remove()?,
                        Err(error) if is_absent(&error) => {}
                        Err(error) => return Err(error),
                    }
                    remove_empty(&self.directory, &copy.name);
                }
                Ok(true)
            }
            Step::Seal(etag, sealed) => {
                let place = self.copies.get(etag).map(|copy| self.place(&copy.name));
                if let (Some(place), Some(copy)) = (place.transpose()?, self.copies.get_mut(etag)) {
                    let mode = place.stat()?.st_mode;
                    place.set_mode(if *sealed { mode & !0o222 } else { mode | 0o200 })?;
                    copy.sealed = *sealed;
                }
                Ok(true)
            }
            Step::Refuse(_) => Ok(true),
        }
    }

    /// Makes an empty copy. It gets its name when it has its tag: a server must never announce another one for it.
    fn create(&mut self, etag: ETag, name: &[u8]) -> io::Result<bool> {
        let Some(place) = self.make_place(name)? else {
            self.copies.remove(&etag);
            return Ok(false);
        };
        let new = place.beside(&format!(".openrange-new-{:016x}", etag.0))?;
        new.remove()?;
        let file = new.open(true)?;
        let digits = format!("{:016x}", etag.0);
        match rustix::fs::fsetxattr(&file, TAG_ATTRIBUTE, digits.as_bytes(), XattrFlags::empty()) {
            // The file system has none: then the server gives a tag of its own.
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM | Errno::NOSPC) => {}
            Err(error) => return Err(error.into()),
        }
        if !new.rename_free(&place)? {
            let _ = new.remove();
            self.copies.remove(&etag);
            return Ok(false);
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.inode = Some(file.metadata()?.ino());
        }
        Ok(true)
    }

    fn rename(&mut self, etag: ETag, name: &[u8]) -> io::Result<bool> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(false);
        };
        let from = self.place(&copy.name);
        let Some(to) = self.make_place(name)? else {
            return Ok(false);
        };
        match from.and_then(|from| from.rename_free(&to)) {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            // Somebody has removed it: then there is no copy any more.
            Err(error) if is_absent(&error) => {
                self.copies.remove(&etag);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            let old = std::mem::replace(&mut copy.name, name.into());
            remove_empty(&self.directory, &old);
        }
        Ok(true)
    }

    /// Opens a copy to append to it; `None` if it is not there any more.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn append_to(&mut self, etag: ETag) -> io::Result<Option<File>> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(None);
        };
        let file = match self.place(&copy.name).and_then(|place| place.open(false)) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => {
                self.copies.remove(&etag);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        if Some(found.ino()) != copy.inode {
            // Somebody has put another file there.
            self.copies.remove(&etag);
            return Ok(None);
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.size = found.len();
        }
        Ok(Some(file))
    }

    /// Bytes were appended.
    pub fn grown(&mut self, etag: ETag, count: u64) {
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.size += count;
        }
    }

    /// Begins a copy again, since the origin was truncated.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn truncate(&mut self, etag: ETag) -> io::Result<()> {
        if let Some(file) = self.append_to(etag)? {
            file.set_len(0)?;
            if let Some(copy) = self.copies.get_mut(&etag) {
                copy.size = 0;
            }
        }
        Ok(())
    }
}

/// Whether something is there, or on the way to it.
fn is_taken<T>(found: io::Result<T>) -> bool {
    match found {
        Ok(_) => true,
        Err(error) => Errno::from_io_error(&error) == Some(Errno::NOTDIR),
    }
}

/// Whether a copy is not there any more: its name leads to nothing, or through a link that somebody has put there.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
    )
}

/// The tag in the attribute of a file.
fn tag_of(path: &Path) -> Option<ETag> {
    let mut value = [0; 32];
    let length = rustix::fs::lgetxattr(path, TAG_ATTRIBUTE, &mut value[..]).ok()?;
    response::tag_digits(str::from_utf8(&value[..length]).ok()?)
}

/// Of the bytes that a copy has before an offset; `None`: there are none, or they cannot be read.
#[must_use]
pub fn check_before(copy: &File, offset: u64) -> Option<Check> {
    let from = checked_from(offset);
    let mut bytes = [0; CHECKED];
    let bytes = &mut bytes[..(offset - from) as usize];
    copy.read_exact_at(bytes, from).ok()?;
    (offset > 0).then(|| Check::of(bytes))
}
