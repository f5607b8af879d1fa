//! A name below the directory of a mirror, reached without following any link that somebody has put there: what the origin
//! names never leads elsewhere.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::tags::tag_of;
use crate::http::conditional::ETag;
use crate::store::identity::proc_path;

/// See the module.
pub struct Place {
    directory: OwnedFd,
    name: Box<OsStr>,
}

const DIRECTORY: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Place {
    /// Of a name of parts that are neither empty nor `..`. With `make` the directories on the way are made if need be.
    ///
    /// # Errors
    /// ENOENT; ENOTDIR: a link or a file is on the way.
    pub fn find(root: &Path, name: &[u8], make: bool) -> io::Result<Place> {
        let root_flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        let mut directory = fs::openat(CWD, root, root_flags, Mode::empty())?;
        let mut parts = name.split(|&byte| byte == b'/').map(OsStr::from_bytes);
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            let next = fs::openat(&directory, part, DIRECTORY, Mode::empty());
            directory = match next {
                Err(Errno::NOENT) if make => {
                    match fs::mkdirat(&directory, part, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    fs::openat(&directory, part, DIRECTORY, Mode::empty())?
                }
                next => next?,
            };
        }
        Ok(Place {
            directory,
            name: last.into(),
        })
    }

    /// Another name in the same directory.
    ///
    /// # Errors
    /// EMFILE.
    pub fn beside(&self, name: &str) -> io::Result<Place> {
        Ok(Place {
            directory: self.directory.try_clone()?,
            name: OsStr::new(name).into(),
        })
    }

    /// What is there; a link counts as such.
    ///
    /// # Errors
    /// ENOENT and the like.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(fs::statat(
            &self.directory,
            &*self.name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// The tag in the attribute of the file.
    #[must_use]
    pub fn tag(&self) -> Option<ETag> {
        let directory = proc_path(self.directory.as_fd());
        tag_of(&Path::new(&directory).join(&*self.name))
    }

    /// Opens the file to append to it and to read it; with `new` it must not be there yet.
    ///
    /// # Errors
    /// ENOENT, EEXIST, EACCES and the like; ELOOP: it is a link.
    pub fn open(&self, new: bool) -> io::Result<File> {
        let mut flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if new {
            flags |= OFlags::CREATE | OFlags::EXCL;
        }
        let mode = Mode::from_raw_mode(0o666);
        Ok(fs::openat(&self.directory, &*self.name, flags, mode)?.into())
    }

    /// Opens the file to read it.
    ///
    /// # Errors
    /// ENOENT, EACCES and the like; ELOOP: it is a link.
    pub fn open_to_read(&self) -> io::Result<File> {
        // Something else than a file may be there by now, which is not to be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(fs::openat(&self.directory, &*self.name, flags, Mode::empty())?.into())
    }

    /// Changes who may do what with the file that has this inode: by its descriptor, since another file may have the name at
    /// any moment. False if another one has it.
    ///
    /// # Errors
    /// ENOENT, EPERM, EACCES.
    pub fn change_mode(&self, inode: Option<u64>, change: impl Fn(u32) -> u32) -> io::Result<bool> {
        let file = self.open_to_read()?;
        let found = fs::fstat(&file)?;
        if Some(found.st_ino) != inode || !FileType::from_raw_mode(found.st_mode).is_file() {
            return Ok(false);
        }
        fs::fchmod(&file, Mode::from_raw_mode(change(found.st_mode)))?;
        Ok(true)
    }

    /// Removes the file, if there is one.
    ///
    /// # Errors
    /// EACCES and the like.
    pub fn remove(&self) -> io::Result<()> {
        match fs::unlinkat(&self.directory, &*self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the file one more name; `false`: something has it.
    ///
    /// # Errors
    /// EPERM, EOPNOTSUPP, ENOSYS: there are no links; EMLINK: not so many; EXDEV: none from there to here; ENOENT, EACCES and
    /// the like.
    pub fn link(&self, to: &Place) -> io::Result<bool> {
        let (from, into) = (&self.directory, &to.directory);
        match fs::linkat(from, &*self.name, into, &*to.name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the directory, if there is one; `false`: something is in it.
    ///
    /// # Errors
    /// EACCES, EBUSY and the like.
    pub fn remove_directory(&self) -> io::Result<bool> {
        match fs::unlinkat(&self.directory, &*self.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames it, whatever has that name.
    ///
    /// # Errors
    /// ENOENT, EACCES and the like.
    pub fn rename_over(&self, to: &Place) -> io::Result<()> {
        fs::renameat(&self.directory, &*self.name, &to.directory, &*to.name)?;
        Ok(())
    }

    /// Renames it to a name that nothing has; `false`: something has it.
    ///
    /// # Errors
    /// ENOENT, EACCES and the like.
    pub fn rename_free(&self, to: &Place) -> io::Result<bool> {
        let (from, into) = (&self.directory, &to.directory);
        match fs::renameat_with(from, &*self.name, into, &*to.name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // The file system does not know the flag (NFS, FUSE).
            Err(Errno::INVAL | Errno::NOSYS) if to.stat().is_ok() => Ok(false),
            Err(Errno::INVAL | Errno::NOSYS) => {
                fs::renameat(from, &*self.name, into, &*to.name)?;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Removes the directories above a name that are empty now.
pub fn remove_empty(root: &Path, name: &[u8]) {
    let mut name = name;
    while let Some(slash) = name.iter().rposition(|&byte| byte == b'/') {
        name = &name[..slash];
        let Ok(place) = Place::find(root, name, false) else {
            return;
        };
        if fs::unlinkat(&place.directory, &*place.name, AtFlags::REMOVEDIR).is_err() {
            return;
        }
    }
}

/// A directory and those below it, each behind the one that it is in; `None`: something else is there that is not `known`.
///
/// # Errors
/// ENOENT, EACCES and the like; ENOTDIR: it is none.
pub fn directories_below(
    root: &Path,
    name: &[u8],
    known: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<Option<Vec<Box<[u8]>>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut found: Vec<Box<[u8]>> = vec![name.into()];
    let mut next = 0;
    while let Some(directory) = found.get(next).cloned() {
        next += 1;
        let place = Place::find(root, &directory, false)?;
        let opened = fs::openat(&place.directory, &*place.name, flags, Mode::empty())?;
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let last = entry.file_name().to_bytes();
            if matches!(last, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    FileType::from_raw_mode(fs::statat(&opened, last, flags)?.st_mode)
                }
                kind => kind,
            };
            let name = [&*directory, b"/", last].concat();
            if kind.is_dir() {
                found.push(name.into());
            } else if !known(&name) {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}
