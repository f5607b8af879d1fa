//! The steps of a plan, done to the copies. A step that fails because of a name leaves all others possible.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::place::{Place, directories_below, remove_empty};
use super::plan::{Step, moving_name};
use super::room::is_of_moves;
use super::tags::tag_of_file;
use super::tree::{Copy, Tree, is_absent};
use crate::http::conditional::ETag;
use crate::store::identity::TAG_ATTRIBUTE;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is done.
    Done,
    /// It is not possible now, since somebody else changes the directory.
    Later,
    /// A copy cannot have this name besides its own: there are no links, or none from there to here.
    NoLink(Box<[u8]>),
    /// It is not possible with this name, for this reason; other names do not suffer from it.
    Barred(Box<[u8]>, String),
}

impl Tree {
    /// Does one step of a plan.
    ///
    /// # Errors
    /// ENOSPC, EIO and the like.
    pub fn apply(&mut self, step: &Step) -> io::Result<Applied> {
        let done = match step {
            Step::Create(etag, name) => self.create(*etag, name),
            Step::Rename(etag, name) => self.rename(*etag, name),
            Step::Link(..) | Step::Unlink(..) | Step::Relink(..) => self.change_further(step),
            Step::Remove(etag) => self.remove(*etag),
            Step::Seal(etag, sealed) => self.seal(*etag, *sealed),
            Step::Refuse(_) => Ok(true),
        };
        match done {
            Ok(true) => Ok(Applied::Done),
            Ok(false) => Ok(Applied::Later),
            Err(error) if is_no_link(step, &error) => {
                let (Step::Link(_, name) | Step::Relink(_, _, name)) = step else {
                    return Err(error);
                };
                Ok(Applied::NoLink(name.clone()))
            }
            Err(error) if is_of_a_name(&error) => {
                let name = match step {
                    Step::Create(etag, name) => {
                        self.copies.remove(etag);
                        name.clone()
                    }
                    Step::Rename(_, name)
                    | Step::Link(_, name)
                    | Step::Unlink(_, name)
                    | Step::Relink(_, _, name)
                    | Step::Refuse(name) => name.clone(),
                    Step::Remove(etag) | Step::Seal(etag, _) => {
                        let copy = self.copies.get(etag);
                        copy.map(|copy| copy.name.clone()).unwrap_or_default()
                    }
                };
                self.barred.insert(name.clone());
                Ok(Applied::Barred(name, error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Where a copy is; `None`: it is there no more, or somebody has put another file there.
    pub(super) fn place_of(&self, etag: ETag, copy: &Copy) -> io::Result<Option<Place>> {
        self.place_of_name(etag, copy, &copy.name)
    }

    /// The same of one of its names.
    pub(super) fn place_of_name(
        &self,
        etag: ETag,
        copy: &Copy,
        name: &[u8],
    ) -> io::Result<Option<Place>> {
        let found = self.place(name).and_then(|place| {
            let inode = place.stat()?.st_ino;
            Ok((place, inode))
        });
        match found {
            Ok((place, inode)) => {
                let is_it = Some(inode) == copy.inode && copy.has_tag(place.tag(), etag);
                Ok(is_it.then_some(place))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove(&mut self, etag: ETag) -> io::Result<bool> {
        self.remove_further(etag)?;
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(true);
        };
        if let Some(place) = self.place_of(etag, copy)? {
            place.remove()?;
        }
        if let Some(copy) = self.copies.remove(&etag) {
            remove_empty(&self.directory, &copy.name);
        }
        Ok(true)
    }

    pub(super) fn seal(&mut self, etag: ETag, sealed: bool) -> io::Result<bool> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(true);
        };
        let place = self.place_of(etag, copy)?;
        let inode = copy.inode;
        let change = |mode| if sealed { mode & !0o222 } else { mode | 0o200 };
        let changed = match place {
            Some(place) => place.change_mode(inode, change)?,
            None => false,
        };
        if !changed {
            // Somebody has removed it, or has put another file there.
            self.name_is_gone(etag);
            return Ok(false);
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.sealed = sealed;
        }
        Ok(true)
    }

    /// Makes an empty copy. It gets its name when it has its tag: a server must never announce another one for it.
    fn create(&mut self, etag: ETag, name: &[u8]) -> io::Result<bool> {
        let Some(place) = self.make_place(name)? else {
            self.copies.remove(&etag);
            return Ok(false);
        };
        let new = place.beside(&new_name(etag))?;
        let file = make(&new, etag)?;
        match self.take_name(&new, &place, name) {
            Ok(true) => {}
            other => {
                let _ = new.remove();
                self.copies.remove(&etag);
                return other;
            }
        }
        if let Some(copy) = self.copies.get_mut(&etag) {
            copy.inode = Some(file.metadata()?.ino());
            copy.tagged = tag_of_file(&file) == Some(etag);
        }
        Ok(true)
    }

    fn rename(&mut self, etag: ETag, name: &[u8]) -> io::Result<bool> {
        let Some(copy) = self.copies.get(&etag) else {
            return Ok(false);
        };
        let Some(from) = self.place_of(etag, copy)? else {
            // Somebody has removed it: then there is no copy any more, unless it has other names.
            self.name_is_gone(etag);
            return Ok(false);
        };
        let Some(to) = self.make_place(name)? else {
            return Ok(false);
        };
        match self.take_name(&from, &to, name) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) => {
                // What comes meanwhile would be appended to the file that is about to go.
                return match self.under_way.contains(&etag) {
                    true => Ok(false),
                    false => self.carry(etag, name, &from, &to),
                };
            }
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.has_name(etag, name);
        Ok(true)
    }

    /// Gives a file a name that nothing has, but perhaps directories that copies have left; `false`: something has it.
    pub(super) fn take_name(&self, from: &Place, to: &Place, name: &[u8]) -> io::Result<bool> {
        Ok(from.rename_free(to)? || self.remove_left(name)? && from.rename_free(to)?)
    }

    /// Removes a directory and those below it, if they are empty but for the moves that are written down there: copies have been
    /// there, or a crash came before one was. False if there is something else.
    pub(super) fn remove_left(&self, name: &[u8]) -> io::Result<bool> {
        let mut moves = Vec::new();
        let mut is_left = |file: &[u8]| {
            moves.push(file.to_vec());
            is_of_moves(file)
        };
        let found = match directories_below(&self.directory, name, &mut is_left) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(false),
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        for file in moves {
            self.place(&file)?.remove()?;
        }
        for directory in found.iter().rev() {
            if !self.place(directory)?.remove_directory()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has_name(&mut self, etag: ETag, name: &[u8]) {
        if let Some(copy) = self.copies.get_mut(&etag) {
            let old = std::mem::replace(&mut copy.name, name.into());
            remove_empty(&self.directory, &old);
        }
    }

    /// Renames a copy across file systems: another file gets its bytes, and is on the disk before this one goes. At every
    /// moment the records name a file that has all of it.
    fn carry(&mut self, etag: ETag, name: &[u8], from: &Place, to: &Place) -> io::Result<bool> {
        // They would lead to the file that is about to go.
        self.remove_further(etag)?;
        let Some(old) = self.copies.get(&etag).map(|copy| copy.name.clone()) else {
            return Ok(false);
        };
        let new = to.beside(&new_name(etag))?;
        let made = make(&new, etag).and_then(|mut file| {
            let mut source = from.open_to_read()?;
            io::copy(&mut source, &mut file)?;
            file.set_permissions(source.metadata()?.permissions())?;
            file.sync_all()?;
            file.metadata()
        });
        // Hidden until the end: after a crash the next mirror knows that it is not needed.
        let aside = from.beside(&moving_name(etag))?;
        let hidden = made.and_then(|made| Ok((made, from.rename_free(&aside)?)));
        let made = match hidden {
            Ok((made, true)) => made,
            other => {
                let _ = new.remove();
                return other.map(|_| false);
            }
        };
        if let Some(copy) = self.copies.get_mut(&etag) {
            let last = name
                .rsplit(|&byte| byte == b'/')
                .next()
                .map_or(0, <[u8]>::len);
            let hidden = [&name[..name.len() - last], new_name(etag).as_bytes()].concat();
            (copy.name, copy.inode, copy.size) = (hidden.into(), Some(made.ino()), made.len());
            copy.tagged = new.tag() == Some(etag);
        }
        self.save()?;
        aside.remove()?;
        remove_empty(&self.directory, &old);
        if !self.take_name(&new, to, name)? {
            return Ok(false);
        }
        self.has_name(etag, name);
        Ok(true)
    }
}

/// The hidden name of a copy that has no other one yet.
pub(super) fn new_name(etag: ETag) -> String {
    format!(".openrange-new-{:016x}", etag.0)
}

/// Makes an empty file with this tag.
fn make(new: &Place, etag: ETag) -> io::Result<File> {
    new.remove()?;
    let file = new.open(true)?;
    let digits = format!("{:016x}", etag.0);
    match rustix::fs::fsetxattr(&file, TAG_ATTRIBUTE, digits.as_bytes(), XattrFlags::empty()) {
        // The file system has none: then the server gives a tag of its own.
        Ok(()) | Err(Errno::NOTSUP | Errno::PERM | Errno::NOSPC) => Ok(file),
        Err(error) => Err(error.into()),
    }
}

/// Whether a name cannot be made because there are no links (FAT, FUSE), no more of this file, or none from there to here.
fn is_no_link(step: &Step, error: &io::Error) -> bool {
    let fails = matches!(
        Errno::from_io_error(error),
        Some(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK | Errno::XDEV)
    );
    fails && matches!(step, Step::Link(..) | Step::Relink(..))
}

/// Whether an error is one of this name or its directory, and not one of the disk.
pub(super) fn is_of_a_name(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::ACCESS
                | Errno::PERM
                | Errno::ROFS
                | Errno::NAMETOOLONG
                | Errno::INVAL
                // A directory on which something is mounted.
                | Errno::BUSY
        )
    )
}
