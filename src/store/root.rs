//! The served directory: open a name beneath it, who a file is, how long it is now.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;

use super::truncations::Truncations;
use crate::http::conditional::{ETag, SETTLED_SECONDS};
use crate::http::date::Date;
use crate::http::media;
use crate::limits::{SNIFF_MAX, SYMLINKS_MAX};
use crate::os::sys;
use crate::response::Meta;

/// How often a look-up is tried again that a rename made unsure (openat2's EAGAIN).
const RACES_MAX: u32 = 16;

/// The served directory.
pub struct Files {
    root: OwnedFd,
    truncations: Arc<Truncations>,
    /// The kernel has no openat2: names are resolved step by step.
    by_steps: Cell<bool>,
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

/// Which file, among those that exist at one time: device and inode number. While one is held open, its number is not
/// given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    device: (u32, u32),
    inode: u64,
}

impl Files {
    /// Opens the directory to serve.
    ///
    /// # Errors
    /// If it is not a directory that can be read.
    pub fn open(root: &Path, truncations: Arc<Truncations>) -> io::Result<Files> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        Ok(Files {
            root,
            truncations,
            by_steps: Cell::new(false),
        })
    }

    /// Looks up a name below the root (the empty name is the root) and opens what is there.
    ///
    /// The name is resolved to an O_PATH descriptor first and only a regular file is then opened for reading: opening a
    /// FIFO would let a waiting writer through, opening a device may act. If it is the file that is `held` open already,
    /// it is not opened again.
    ///
    /// # Errors
    /// ENOENT and its kin, EXDEV if the name leads out of the root, EACCES, EMFILE, EIO.
    pub fn find(&self, name: &[u8], held: Option<&Rc<OpenFile>>) -> Result<Node, Errno> {
        if let Some(held) = held
            && !held.is_directory()
            && held.may_stand_for(&self.look(name)?)
        {
            return Ok(Node::File(Rc::clone(held)));
        }
        let place = self.resolve(name)?;
        let stat = stat(place.as_fd())?;
        match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => {
                let fd = self.reopen(&place, name)?;
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
        let stat = stat(directory.as_fd())?;
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
        Ok(Id::of(&self.look(name)?))
    }

    /// Whether a name leads to this open file now, and nothing at all has changed in it since it was opened.
    #[must_use]
    pub fn leads_to(&self, name: &[u8], file: &OpenFile) -> bool {
        let found = self.look(name);
        found.is_ok_and(|found| file.may_stand_for(&found) && file.changed == changed(&found))
    }

    /// What a name leads to. An entry of the root itself, if it is no symbolic link, is where it leads: to look at that
    /// takes one system call, and to resolve it three.
    fn look(&self, name: &[u8]) -> Result<Statx, Errno> {
        if !name.is_empty() && !name.contains(&b'/') {
            let stat = statx(self.root.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::Symlink {
                return Ok(stat);
            }
        }
        stat(self.resolve(name)?.as_fd())
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
                result => return result,
            }
        }
        self.walk(name, |_, _| {})
    }

    /// The tag of a regular file, by a descriptor that need not be readable. `None` where its identity takes opening it
    /// (see [`identity`]) and that fails.
    pub(crate) fn tag(&self, place: BorrowedFd<'_>, stat: &Statx) -> Option<ETag> {
        let identity = by_handle(place, stat).or_else(|| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(proc_path(place), flags, Mode::empty()).ok()?;
            Some(by_inode(fd.as_fd(), stat))
        })?;
        Some(self.truncations.tag(identity))
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

    /// Opens for reading what a place stands for. Through /proc it is that very file; without a /proc it is looked up
    /// once more (non-blocking, should a FIFO have taken the name in between).
    fn reopen(&self, place: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::open(proc_path(place.as_fd()), flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                let fd = self.open_beneath(name, flags)?;
                let same = Id::of(&stat(fd.as_fd())?) == Id::of(&stat(place.as_fd())?);
                if same { Ok(fd) } else { Err(Errno::NOENT) }
            }
            result => result,
        }
    }

    /// Resolves a name component by component and never leaves the root: `..` goes back to a directory that was gone
    /// through, an absolute symbolic link is refused as openat2 refuses it. `visit` sees each directory with the entry
    /// in it that is looked up next.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub fn walk(
        &self,
        name: &[u8],
        mut visit: impl FnMut(BorrowedFd<'_>, &[u8]),
    ) -> Result<OwnedFd, Errno> {
        let mut way: Vec<OwnedFd> = Vec::new();
        let mut pending: VecDeque<Vec<u8>> = components(name);
        let mut links = 0;
        while let Some(component) = pending.pop_front() {
            if component == b".." {
                way.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            let directory = way
                .last()
                .map_or(self.root.as_fd(), |directory| directory.as_fd());
            visit(directory, &component);
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(directory, component.as_slice(), flags, Mode::empty())?;
            match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
                FileType::Symlink => {
                    links += 1;
                    let target = rustix::fs::readlinkat(&fd, "", Vec::new())?.into_bytes();
                    if links > SYMLINKS_MAX {
                        return Err(Errno::LOOP);
                    }
                    if target.starts_with(b"/") {
                        return Err(Errno::XDEV);
                    }
                    for component in components(&target).into_iter().rev() {
                        pending.push_front(component);
                    }
                }
                FileType::Directory => way.push(fd),
                _ if pending.is_empty() => return Ok(fd),
                _ => return Err(Errno::NOTDIR),
            }
        }
        way.pop()
            .map_or_else(|| rustix::io::fcntl_dupfd_cloexec(&self.root, 0), Ok)
    }
}

fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(<[u8]>::to_vec)
        .collect()
}

/// The name under which this process reaches an open file, whatever has become of its names.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

pub(crate) fn stat(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    statx(fd, b"", AtFlags::EMPTY_PATH)
}

fn statx(fd: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    rustix::fs::statx(fd, name, flags, wanted)
}

impl Id {
    fn of(stat: &Statx) -> Id {
        Id {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
        }
    }
}

/// A regular file, open for reading; or a directory that is followed, which has no bytes.
pub struct OpenFile {
    fd: OwnedFd,
    id: Id,
    permissions: Permissions,
    /// When it was opened.
    changed: Changed,
    /// Names that it had when it was opened.
    links: u32,
    /// What its name tells of its media type.
    media: Option<&'static str>,
    /// See [`identity`].
    identity: u64,
    truncations: Arc<Truncations>,
    /// The size that was last looked at.
    size: Cell<u64>,
    /// Whether nothing is known to have happened since the last look.
    known: Cell<Option<Look>>,
}

/// Mode, owner and group: who may open it.
type Permissions = (u16, u32, u32);

fn permissions(stat: &Statx) -> Permissions {
    (stat.stx_mode, stat.stx_uid, stat.stx_gid)
}

/// The time of the last change of any kind: of content, permissions (also those of access lists) or names.
type Changed = (i64, u32);

fn changed(stat: &Statx) -> Changed {
    (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec)
}

/// A look at an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Bytes.
    pub size: u64,
    /// Nobody may write it: `mode & 0222 == 0`.
    pub sealed: bool,
    /// Seconds since 1970.
    modified: i64,
    /// The same of the last change of any kind.
    changed: i64,
    links: u32,
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl OpenFile {
    fn new(fd: OwnedFd, stat: &Statx, name: &[u8], truncations: &Arc<Truncations>) -> OpenFile {
        let identity = identity(fd.as_fd(), stat);
        let file = OpenFile {
            fd,
            id: Id::of(stat),
            permissions: permissions(stat),
            changed: changed(stat),
            links: stat.stx_nlink,
            media: media::by_name(name),
            identity,
            truncations: Arc::clone(truncations),
            size: Cell::new(0),
            known: Cell::new(None),
        };
        if !file.is_directory() {
            file.size.set(stat.stx_size);
        }
        file
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.permissions.0.into()) == FileType::Directory
    }

    /// The tag as of now.
    #[must_use]
    pub fn tag(&self) -> ETag {
        self.truncations.tag(self.identity)
    }

    /// Whether this is the file that was found, and opening that would be allowed as it was for this.
    fn may_stand_for(&self, found: &Statx) -> bool {
        self.id == Id::of(found) && self.permissions == permissions(found)
    }

    /// Which file this is.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Looks at the file, now.
    ///
    /// # Errors
    /// EIO, ESTALE: the file system fails.
    pub fn look(&self) -> Result<Look, Errno> {
        self.known.set(None);
        let look = self
            .truncations
            .note(self.identity, self.size.get(), self.stat()?, || self.stat())?;
        self.size.set(look.size);
        self.known.set(Some(look));
        Ok(look)
    }

    fn stat(&self) -> Result<Look, Errno> {
        let stat = rustix::fs::fstat(&self.fd)?;
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_lossless,
            reason = "the types differ between architectures"
        )]
        Ok(Look {
            size: if self.is_directory() {
                0
            } else {
                u64::try_from(stat.st_size).unwrap_or(0)
            },
            sealed: stat.st_mode & 0o222 == 0,
            modified: stat.st_mtime as i64,
            changed: stat.st_ctime as i64,
            links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        })
    }

    /// The last look, if nothing has happened since, else a new one. So all tails of a file share one.
    ///
    /// # Errors
    /// As [`OpenFile::look`].
    pub fn known(&self) -> Result<Look, Errno> {
        self.known.get().map_or_else(|| self.look(), Ok)
    }

    /// Whether inotify tells of every change of this file: only of the file systems on this list is it known. Others
    /// (NFS, SMB, FUSE, 9p, overlay with writers below it) may change from elsewhere.
    #[must_use]
    pub fn tells_of_changes(&self) -> bool {
        rustix::fs::fstatfs(&self.fd).is_ok_and(|stat| {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "magic numbers have 32 bits"
            )]
            let magic = stat.f_type as u32;
            LOCAL.contains(&magic)
        })
    }

    /// Whether every change since the file was opened, which was not before this second, shows in its time of change. That
    /// may be as coarse as two seconds (vfat), and elsewhere than in this kernel anything.
    #[must_use]
    pub fn shows_changes(&self, now: Date) -> bool {
        let before = Date::from_seconds(self.changed.0).seconds();
        now.seconds().saturating_sub(before) >= SETTLED_SECONDS && self.tells_of_changes()
    }

    /// Something may have happened: the next [`OpenFile::known`] looks.
    pub fn forget(&self) {
        self.known.set(None);
    }

    /// The moment from which on somebody wants to know of truncations, for [`OpenFile::shrank_since`].
    #[must_use]
    pub fn truncation(&self) -> u64 {
        self.truncations.last()
    }

    /// The size that this file was seen with by a truncation since that moment, which becomes this one. Costs one load as
    /// long as no file at all is truncated.
    #[must_use]
    pub fn shrank_since(&self, moment: &mut u64) -> Option<u64> {
        let last = self.truncations.last();
        let since = std::mem::replace(moment, last);
        if last == since {
            None
        } else {
            self.truncations.since(self.identity, since)
        }
    }

    /// What an answer says of the file, after a look.
    ///
    /// # Errors
    /// As [`OpenFile::look`].
    pub fn meta(&self) -> Result<Meta, Errno> {
        let look = self.look()?;
        Ok(Meta {
            size: look.size,
            sealed: look.sealed,
            modified: Date::from_seconds(look.modified),
            changed: Date::from_seconds(look.changed),
            etag: self.tag(),
            media: self.media.unwrap_or_else(|| self.sniff(look.size)),
            start: None,
        })
    }

    fn sniff(&self, size: u64) -> &'static str {
        let mut beginning = [0; SNIFF_MAX];
        let most = size.min(SNIFF_MAX as u64) as usize;
        let count = self.read(&mut beginning[..most], 0).unwrap_or(0);
        media::by_content(&beginning[..count])
    }

    /// Whether a name of the file was removed since it was opened.
    #[must_use]
    pub fn lost_a_name(&self) -> bool {
        self.look().is_ok_and(|look| look.links < self.links)
    }

    /// Reads up to the end of the buffer; fewer bytes only if the file has no more there.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let mut count = 0;
        while count < buffer.len() {
            let more = rustix::io::retry_on_intr(|| {
                rustix::io::pread(&self.fd, &mut buffer[count..], offset + count as u64)
            })?;
            if more == 0 {
                break;
            }
            count += more;
        }
        Ok(count)
    }
}

/// Magic numbers (statfs(2)) of file systems that change only through this kernel: ext2 to ext4, XFS, btrfs, tmpfs,
/// ramfs, F2FS, ZFS, bcachefs, UBIFS, JFFS2, JFS, ReiserFS, NILFS, vfat, exFAT, ISO 9660, squashfs, EROFS.
const LOCAL: [u32; 18] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x8584_58f6,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0xca45_1a4e,
    0x2405_1905,
    0x72b6,
    0x3153_464a,
    0x5265_4973,
    0x3434,
    0x4d44,
    0x2011_bab0,
    0x9660,
    0x7371_7368,
    0xe0f5_e1e2,
];

/// Who a file is, for its tag: the file handle and the time of birth. {inode, birth} alone is not enough: an inode
/// number is given again within the same tick of the kernel's clock. Nothing in it may differ between two hosts that
/// mount the same file system, or before and after a reboot, so there is no device number. Where there is no handle
/// (kernels before 6.5 on some file systems), the inode number and its generation take its place.
fn identity(fd: BorrowedFd<'_>, stat: &Statx) -> u64 {
    by_handle(fd, stat).unwrap_or_else(|| by_inode(fd, stat))
}

fn by_handle(fd: BorrowedFd<'_>, stat: &Statx) -> Option<u64> {
    let handle = sys::file_handle(fd).ok()?;
    Some(fnv(&[&handle, &birth(stat)]))
}

/// The descriptor must be readable, to ask for the generation.
fn by_inode(fd: BorrowedFd<'_>, stat: &Statx) -> u64 {
    let generation = sys::inode_generation(fd).unwrap_or(0);
    fnv(&[
        &stat.stx_ino.to_be_bytes(),
        &generation.to_be_bytes(),
        &birth(stat),
    ])
}

fn birth(stat: &Statx) -> [u8; 12] {
    let mut birth = [0; 12];
    if stat.stx_mask & StatxFlags::BTIME.bits() != 0 {
        birth[..8].copy_from_slice(&stat.stx_btime.tv_sec.to_be_bytes());
        birth[8..].copy_from_slice(&stat.stx_btime.tv_nsec.to_be_bytes());
    }
    birth
}

/// FNV-1a over 64 bits: the same on every machine and in every version, which the standard library's hashes are not.
pub(crate) fn fnv(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .copied()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}
