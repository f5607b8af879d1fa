//! The served directory: resolves a name beneath it and opens the file.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx};
use rustix::io::Errno;

use super::attributes::{self, statx};
use super::errors::{is_exhausted, is_missing};
use super::file::{Id, OpenFile, identify, proc_path};
use super::file_stat::FileStat;
use super::file_system::FileSystem;
use super::identity::{identity_of_place, original};
use super::links::Links;
use super::names::Names;
use super::remote::Listed;
use super::steps;
use super::truncations::Truncations;
use crate::http::conditional::ETag;
use crate::http::prefix::Prefix;
use crate::http::target;

/// How often a look-up is tried again that a rename made unsure (openat2's EAGAIN).
const RACES_MAX: u32 = 16;

/// The served directory.
pub struct Files {
    root: OwnedFd,
    pub(super) truncations: Arc<Truncations>,
    /// The kernel has no openat2: names are resolved step by step.
    by_steps: Cell<bool>,
    /// Something at or below the root was seen that other machines change: a name that is not found may be there.
    remote: Cell<bool>,
    names: Names,
    /// Directories were seen to list files by the numbers that the files have.
    numbers_agree: Cell<bool>,
    links: Links,
    /// Where the jobs are: [`Files::with_jobs`].
    pub(super) jobs: Option<Prefix>,
}

impl Files {
    /// The same for another thread.
    ///
    /// # Errors
    /// EMFILE
    pub fn try_clone(&self) -> Result<Files, Errno> {
        let root = rustix::io::fcntl_dupfd_cloexec(&self.root, 0)?;
        Ok(Files {
            links: self.links.clone(),
            jobs: self.jobs.clone(),
            ..self.rooted(root)
        })
    }

    /// The files below another directory of the same file systems. No link may leave it, and it has no jobs.
    fn rooted(&self, root: OwnedFd) -> Files {
        Files {
            root,
            truncations: Arc::clone(&self.truncations),
            by_steps: self.by_steps.clone(),
            remote: self.remote.clone(),
            names: Names::default(),
            numbers_agree: Cell::new(false),
            links: Links::default(),
            jobs: None,
        }
    }
}

fn is_remote(directory: impl AsFd) -> bool {
    FileSystem::of(directory).is_remote()
}

/// Opens a directory to serve.
///
/// # Errors
/// If it is not a directory that can be read.
pub fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(root, flags, Mode::empty())?)
}

/// What a name leads to.
pub enum Node {
    /// A regular file, open for reading.
    File(Rc<OpenFile>),
    /// A directory (a descriptor to look up names with).
    Directory(OwnedFd),
    /// Something that is never opened: a FIFO, a socket, a device.
    Other,
}

impl Files {
    /// Opens the directory to serve. Tests call this; the server opens ROOT itself, before it enters its sandbox.
    ///
    /// # Errors
    /// If it is not a directory that can be read.
    pub fn open(root: &Path, truncations: Arc<Truncations>) -> io::Result<Files> {
        Ok(Files::new(open_root(root)?, truncations))
    }

    /// Serves a directory that is open already.
    #[must_use]
    pub fn new(root: OwnedFd, truncations: Arc<Truncations>) -> Files {
        let remote = Cell::new(FileSystem::of(&root).is_remote());
        Files {
            root,
            truncations,
            by_steps: Cell::new(false),
            remote,
            names: Names::default(),
            numbers_agree: Cell::new(false),
            links: Links::default(),
            jobs: None,
        }
    }

    /// The same, with this rule for links.
    #[must_use]
    pub fn with_links(self, links: Links) -> Files {
        Files { links, ..self }
    }

    /// The root, as a descriptor to look up names with.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// A directory below the root (the empty name is the root itself), as a root of its own.
    ///
    /// # Errors
    /// As [`Files::find`]; ENOTDIR.
    pub fn below(&self, name: &[u8]) -> Result<Files, Errno> {
        let root = self.resolve(name)?;
        if FileType::from_raw_mode(rustix::fs::fstat(&root)?.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        // Nobody may write by way of a link that leaves it.
        Ok(self.rooted(root))
    }

    /// Looks up a name below the root (the empty name is the root) and opens the file or directory.
    ///
    /// The name is resolved to an O_PATH descriptor first and only a regular file is then opened for reading: opening a
    /// FIFO would let a waiting writer through, opening a device may act. If it is the file that is `held` open already,
    /// it is not opened again, and this look is its last one: [`OpenFile::cached_stat`].
    ///
    /// # Errors
    /// ENOENT and its kin, EXDEV if the name leads out of the root, EACCES, EMFILE, EIO.
    pub fn find(&self, name: &[u8], held: Option<&Rc<OpenFile>>) -> Result<Node, Errno> {
        if let Some(held) = held.filter(|held| !held.is_directory()) {
            if held.is_remote() {
                self.refresh(name);
            }
            let found = self.stat(name)?;
            if held.may_stand_for(&found) && self.begins_like(name, held)? == Some(true) {
                held.stat_as(&found)?;
                return Ok(Node::File(Rc::clone(held)));
            }
        }
        let found = self.open_node(name);
        match &found {
            Ok(Node::File(file)) if file.is_remote() => self.remote.set(true),
            Ok(Node::Directory(place)) if self.remote.get() || is_remote(place) => {
                self.remote.set(true);
            }
            Err(Errno::NOENT) if self.remote.get() => {}
            _ => return found,
        }
        // The name may lead elsewhere by now.
        self.refresh(name);
        match found {
            Ok(Node::File(file)) if self.identify(name) == Ok(file.id()) => Ok(Node::File(file)),
            _ => self.open_node(name),
        }
    }

    fn open_node(&self, name: &[u8]) -> Result<Node, Errno> {
        let place = self.resolve(name)?;
        let stat = attributes::stat(place.as_fd())?;
        match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => {
                let fd = self.reopen(place.as_fd(), name, OFlags::RDONLY)?;
                let file = OpenFile::new(fd, &stat, name, &self.truncations);
                Ok(Node::File(Rc::new(file)))
            }
            FileType::Directory => Ok(Node::Directory(place)),
            _ => Ok(Node::Other),
        }
    }

    /// A directory that was found, to be followed.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn follow(&self, directory: OwnedFd) -> Result<Rc<OpenFile>, Errno> {
        let stat = attributes::stat(directory.as_fd())?;
        Ok(Rc::new(OpenFile::new(
            directory,
            &stat,
            b"",
            &self.truncations,
        )))
    }

    /// Which file a name leads to now.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn identify(&self, name: &[u8]) -> Result<Id, Errno> {
        Ok(Id::of(&self.stat(name)?))
    }

    /// Whether a path leads somewhere now: to a directory, if it ends with a slash, else to anything. `None`: that is not
    /// known now.
    #[must_use]
    pub fn has(&self, path: &target::Path) -> Option<bool> {
        if self.remote.get() {
            self.refresh(&path.name);
        }
        match self.stat(&path.name) {
            Ok(stat) => {
                let kind = FileType::from_raw_mode(stat.stx_mode.into());
                Some(!path.slash || kind == FileType::Directory)
            }
            Err(error) if is_missing(error) => Some(false),
            Err(error) if is_exhausted(error) || error == Errno::AGAIN => None,
            Err(_) => Some(true),
        }
    }

    /// Whether a name leads to this open file now.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn names(&self, name: &[u8], file: &OpenFile) -> Result<bool, Errno> {
        let listed = match file.is_remote() {
            true => self.refresh(name),
            false => None,
        };
        let same = listed.is_some_and(|listed| listed.inode == file.id().inode());
        self.numbers_agree.set(self.numbers_agree.get() || same);
        let moved = self.numbers_agree.get() && listed.is_some_and(|it| file.is_moved_by(it));
        Ok(self.identify(name)? == file.id() && !moved)
    }

    /// Whether the file that has a name begins like an open one with the same number, if the number says too little. `None`:
    /// by now the name leads to another number.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn begins_like(&self, name: &[u8], file: &OpenFile) -> Result<Option<bool>, Errno> {
        if file.is_known_by_number() {
            return Ok(Some(true));
        }
        let place = self.resolve(name)?;
        let fd = self.reopen(place.as_fd(), name, OFlags::RDONLY)?;
        file.begins_like(fd.as_fd())
    }

    /// Makes the kernel ask again for the directories on the way to a name, if other machines may have changed them.
    fn refresh(&self, name: &[u8]) -> Option<Listed> {
        let mut listed = None;
        // What cannot be walked is found by whoever looks the name up.
        let _ = self.walk(name, |directory, entry| {
            listed = self.names.refresh(directory, entry);
        });
        listed
    }

    /// Somebody reports a change of names: the kernel must ask for them again, however recently it did.
    pub fn forget_names(&self) {
        self.names.forget();
    }

    /// The name below the root that an open file has now, as far as the kernel tells and it is true. A file that has several
    /// names was opened by one of them, and only of that one the kernel tells.
    #[must_use]
    pub fn name_of(&self, file: &OpenFile) -> Option<Vec<u8>> {
        let place = |fd: BorrowedFd<'_>| {
            let place = rustix::fs::readlink(proc_path(fd), Vec::new());
            place.map(std::ffi::CString::into_bytes).ok()
        };
        let (root, place) = (place(self.root.as_fd())?, place(file.as_fd())?);
        let below = place.strip_prefix(root.strip_suffix(b"/").unwrap_or(&root))?;
        let name = below.strip_prefix(b"/")?;
        let found = self.identify(name).ok()?;
        (found == file.id()).then(|| name.to_vec())
    }

    /// Whether a name leads to this open file now, and nothing at all has changed in it since it was opened.
    #[must_use]
    pub fn leads_to(&self, name: &[u8], file: &OpenFile) -> bool {
        let found = self.stat(name);
        found.is_ok_and(|found| file.is_unchanged(&found))
    }

    /// How this open file is, if a name leads to it now, and opening it would be allowed as it was.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn stat_of(&self, name: &[u8], file: &OpenFile) -> Result<Option<FileStat>, Errno> {
        match self.stat(name) {
            Ok(found) if file.may_stand_for(&found) => file.stat_as(&found).map(Some),
            Err(error) if is_exhausted(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// What a name leads to. An entry of the root itself, if it is no symbolic link, is where it leads: to look at that
    /// takes one system call, and to resolve it three.
    fn stat(&self, name: &[u8]) -> Result<Statx, Errno> {
        if !name.is_empty() && !name.contains(&b'/') {
            let stat = statx(self.root.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::Symlink {
                return Ok(stat);
            }
        }
        attributes::stat(self.resolve(name)?.as_fd())
    }

    /// What a name leads to, not opened: a descriptor to ask what it is.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn resolve(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        if !self.by_steps.get() {
            match self.open_beneath(name, OFlags::PATH) {
                // Missing before Linux 5.6; some sandboxes say EPERM, which O_PATH never does.
                Err(Errno::NOSYS | Errno::PERM) => self.by_steps.set(true),
                Err(Errno::XDEV) if self.links.inside => {}
                result => return self.note_refused(name, result),
            }
        }
        self.note_refused(name, self.walk(name, |_, _| {}))
    }

    fn note_refused<T>(&self, name: &[u8], result: Result<T, Errno>) -> Result<T, Errno> {
        if matches!(result, Err(Errno::XDEV)) {
            self.links.refuse(name);
        }
        result
    }

    /// The tag of a regular file, by a descriptor that need not be readable. `None` where its identity takes opening it
    /// (see `identity`) and that fails.
    pub(crate) fn tag(&self, place: BorrowedFd<'_>, stat: &Statx) -> Option<ETag> {
        Some(self.tag_of(place, identity_of_place(place, stat)?))
    }

    /// The same of a file with this identity.
    pub(super) fn tag_of(&self, place: BorrowedFd<'_>, identity: u64) -> ETag {
        let original = match self.truncations.know_copies() {
            true => original(place),
            false => None,
        };
        self.truncations.tag(identity, original)
    }

    /// Whether a file had this tag before it was truncated, as far as that was seen.
    #[must_use]
    pub fn was_truncated(&self, etag: ETag) -> bool {
        self.truncations.had(etag)
    }

    fn open_beneath(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let name = if name.is_empty() { b"." } else { name };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut result = Err(Errno::AGAIN);
        for _ in 0..RACES_MAX {
            result = rustix::fs::openat2(
                &self.root,
                name,
                flags | OFlags::CLOEXEC,
                Mode::empty(),
                resolve,
            );
            if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        result
    }

    /// Opens a file that was found under a name once more, to write it.
    ///
    /// # Errors
    /// EACCES, EROFS, EMFILE; ENOENT: where there is no /proc, the name leads elsewhere by now.
    pub fn open_again(
        &self,
        name: &[u8],
        file: &OpenFile,
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        self.reopen(file.as_fd(), name, flags)
    }

    /// Opens what a place stands for. Through /proc it is that very file; without a /proc it is looked up once more
    /// (non-blocking, should a FIFO have taken the name in between).
    fn reopen(&self, place: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::open(proc_path(place), flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                let fd = self.open_beneath(name, flags)?;
                let same = identify(fd.as_fd())? == identify(place)?;
                if same { Ok(fd) } else { Err(Errno::NOENT) }
            }
            result => result,
        }
    }

    /// Resolves a name component by component and never leaves the root, but by a link that may; see `steps`. `visit` sees
    /// each directory with the entry in it that is looked up next.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn walk(
        &self,
        name: &[u8],
        visit: impl FnMut(BorrowedFd<'_>, &[u8]),
    ) -> Result<OwnedFd, Errno> {
        steps::walk(&self.root, name, self.links.inside, visit)
    }
}
