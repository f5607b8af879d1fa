//! An open file: which one it is, how long it is now, whether it was truncated.

mod bytes;
mod last_size;
mod sameness;

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, Statx};
use rustix::io::Errno;

use super::attributes::stat;
use super::evidence::Beginning;
use super::file_stat::FileStat;
use super::file_system::FileSystem;
pub(crate) use super::identity::proc_path;
use super::identity::{birth_that_may_change, identity, original};
use super::mounts;
use super::remote::{Believed, Listed, Remote};
use super::truncations::Truncations;
use crate::http::conditional::{ETag, SETTLED_SECONDS};
use crate::http::date::{Date, Timestamp};
use crate::http::media;
use crate::resource::FileInfo;

/// Which file, among those that exist at one time: device and inode number. While one is held open, its number is not
/// given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    device: (u32, u32),
    inode: u64,
}

impl Id {
    /// The inode number alone.
    #[must_use]
    pub fn inode(self) -> u64 {
        self.inode
    }

    pub(super) fn of(stat: &Statx) -> Id {
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
    /// What its name says of its media type.
    media: Option<&'static str>,
    /// See [`identity`].
    identity: u64,
    /// If a file with the same number may have another identity all the same.
    birth: Option<[u8; 12]>,
    /// What the identity rests on, if it is nothing better.
    evidence: Option<Box<Beginning>>,
    system: FileSystem,
    /// `None`: only this kernel changes it.
    remote: Option<Box<Remote>>,
    /// The tag of the file of which it is a copy.
    original: Option<ETag>,
    truncations: Arc<Truncations>,
    /// The size that was last looked at.
    size: Cell<u64>,
    known: Cell<Known>,
    /// How long it was when it was first seen sealed. That stays, also if somebody may write it again.
    sealed_at: Cell<Option<u64>>,
    /// Connections that follow it.
    followers: Cell<u32>,
}

/// What is known of a file since the last look at it.
#[derive(Clone, Copy)]
enum Known {
    /// Nothing has happened.
    Look(FileStat),
    /// Its bytes have changed, and nothing else.
    Written,
    /// Anything may have happened.
    Nothing,
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

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl OpenFile {
    pub(super) fn new(
        fd: OwnedFd,
        stat: &Statx,
        name: &[u8],
        truncations: &Arc<Truncations>,
    ) -> OpenFile {
        let system = FileSystem::of(&fd);
        let is_file = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile;
        // Before the first byte is read.
        let remote = Remote::new(fd.as_fd(), system);
        let remote = remote.filter(|_| is_file);
        let (identity, evidence) = identity(fd.as_fd(), system, stat);
        let original = match truncations.know_copies() {
            true => original(fd.as_fd()),
            false => None,
        };
        let file = OpenFile {
            birth: birth_that_may_change(fd.as_fd(), system, stat),
            fd,
            id: Id::of(stat),
            permissions: permissions(stat),
            changed: changed(stat),
            links: stat.stx_nlink,
            media: media::by_name(name),
            identity,
            evidence,
            system,
            remote,
            original,
            truncations: Arc::clone(truncations),
            size: Cell::new(0),
            known: Cell::new(Known::Nothing),
            sealed_at: Cell::new(None),
            followers: Cell::new(0),
        };
        if !file.is_directory() {
            file.size.set(stat.stx_size);
        }
        file.compare_with_last_size();
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
        self.truncations.tag(self.identity, self.original)
    }

    /// A connection follows it from now on.
    pub fn add_follower(&self) {
        self.followers.set(self.followers.get() + 1);
    }

    /// A connection no longer follows it.
    pub fn remove_follower(&self) {
        self.followers.set(self.followers.get().saturating_sub(1));
    }

    /// How many connections follow it.
    #[must_use]
    pub fn followers(&self) -> u32 {
        self.followers.get()
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
    pub fn stat(&self) -> Result<FileStat, Errno> {
        self.seen(|| self.fstat())
    }

    /// What was just found at its name is this file: so one look is enough for both.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub(super) fn stat_as(&self, found: &Statx) -> Result<FileStat, Errno> {
        self.seen(|| Ok(FileStat::of(found)))
    }

    /// `look`: how it is now, if no other machine changes it.
    fn seen(&self, look: impl FnOnce() -> Result<FileStat, Errno>) -> Result<FileStat, Errno> {
        self.known.set(Known::Nothing);
        let look = match &self.remote {
            None => self.note_size(look()?, || self.fstat())?,
            Some(remote) => self.believe(remote)?,
        };
        if look.size != self.size.get() {
            self.remember_size(look.size);
        }
        self.size.set(look.size);
        if look.sealed && self.sealed_at.get().is_none() {
            self.sealed_at.set(Some(look.size));
        }
        self.known.set(Known::Look(look));
        Ok(look)
    }

    fn note_size(
        &self,
        look: FileStat,
        again: impl FnOnce() -> Result<FileStat, Errno>,
    ) -> Result<FileStat, Errno> {
        self.truncations
            .note(self.identity, self.size.get(), look, again)
    }

    /// The same look at a file that other machines change.
    #[cold]
    fn believe(&self, remote: &Remote) -> Result<FileStat, Errno> {
        let stat = remote.stat(self.fd.as_fd())?;
        let again = || Ok(remote.stat(self.fd.as_fd())?.stx_size);
        let look = FileStat::of(&stat);
        match remote.believe(self.fd.as_fd(), stat.stx_size, again)? {
            Believed::Size(size) => {
                self.truncations.grew(self.identity, size);
                // What is not all there is not complete, whoever may write it.
                let sealed = look.sealed && size == look.size;
                Ok(FileStat {
                    size,
                    sealed,
                    ..look
                })
            }
            Believed::Truncated(size) => {
                let look = FileStat { size, ..look };
                self.note_size(look, || Ok(look))
            }
        }
    }

    fn fstat(&self) -> Result<FileStat, Errno> {
        let stat = rustix::fs::fstat(&self.fd)?;
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_lossless,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the types differ between architectures"
        )]
        Ok(FileStat {
            size: if self.is_directory() {
                0
            } else {
                u64::try_from(stat.st_size).unwrap_or(0)
            },
            sealed: stat.st_mode & 0o222 == 0,
            modified: stat.st_mtime as i64,
            nanoseconds: stat.st_mtime_nsec as u32,
            changed: stat.st_ctime as i64,
            links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        })
    }

    /// The last look, if nothing has happened since, else a new one. So all tails of a file share one.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn cached_stat(&self) -> Result<FileStat, Errno> {
        match self.known.get() {
            Known::Look(look) => Ok(look),
            Known::Written | Known::Nothing => self.stat(),
        }
    }

    /// Whether inotify reports every change of this file.
    #[must_use]
    pub fn tells_of_changes(&self) -> bool {
        self.system.tells_of_changes()
    }

    /// The kind of file system that it is on, for people.
    #[must_use]
    pub fn file_system(&self) -> String {
        let stat = stat(self.fd.as_fd());
        let mount = stat.ok().and_then(|stat| mounts::find(stat.stx_mnt_id));
        mount.map_or_else(|| self.system.to_string(), |mount| mount.file_system)
    }

    /// Whether other machines may change it: what the kernel remembers of it may be old.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.system.is_remote()
    }

    /// Whether it seems to have become shorter, and later looks have to show whether it has.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|remote| remote.is_doubted())
    }

    /// Whether a file with the same number begins like this one, which is all that can be said where numbers mean little.
    /// `None`: that one has another number.
    ///
    /// # Errors
    /// EIO and the like.
    pub(super) fn begins_like(&self, other: BorrowedFd<'_>) -> Result<Option<bool>, Errno> {
        if identify(other)? != self.id {
            return Ok(None);
        }
        let Some(evidence) = &self.evidence else {
            return Ok(Some(true));
        };
        Ok(Some(evidence.may_be_of(&Beginning::read(other)?)))
    }

    /// Whether its directory lists another file under its name since it was opened, by numbers that hold for the volume.
    pub(super) fn is_moved_by(&self, listed: Listed) -> bool {
        let opened = self.remote.as_ref().map(|remote| remote.opened());
        self.evidence.is_none()
            && opened.is_some_and(|opened| listed.since > opened)
            && listed.inode != self.id.inode
    }

    /// Whether its number says which file it is.
    pub(super) fn is_known_by_number(&self) -> bool {
        self.evidence.is_none()
    }

    /// Whether every change since the file was opened, which was not before this second, shows in its time of change. That
    /// may be as coarse as two seconds (vfat), and elsewhere than in this kernel anything.
    #[must_use]
    pub fn shows_changes(&self, now: Date) -> bool {
        let before = Date::from_seconds(self.changed.0).seconds();
        now.seconds().saturating_sub(before) >= SETTLED_SECONDS && self.tells_of_changes()
    }

    /// Something may have happened: the next [`OpenFile::cached_stat`] looks.
    pub fn invalidate(&self) {
        self.known.set(Known::Nothing);
    }

    /// Somebody has written to it, or truncated it: nothing else is known to have happened.
    pub fn written(&self) {
        if let Known::Look(_) = self.known.get() {
            self.known.set(Known::Written);
        }
    }

    /// The number of the last truncation of any file, for [`OpenFile::shrank_since`].
    #[must_use]
    pub fn truncation(&self) -> u64 {
        self.truncations.last()
    }

    /// The size of this file at a truncation after that with the number `seen`, which becomes the last one. Costs one load
    /// as long as no file is truncated.
    #[must_use]
    pub fn shrank_since(&self, seen: &mut u64) -> Option<u64> {
        let last = self.truncations.last();
        let since = std::mem::replace(seen, last);
        if last == since {
            None
        } else {
            self.truncations.since(self.identity, since)
        }
    }

    /// What an answer says of the file, after a look.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn info(&self) -> Result<FileInfo, Errno> {
        Ok(self.info_of(self.stat()?))
    }

    /// The same by the last look, if nothing has happened since.
    ///
    /// # Errors
    /// As [`OpenFile::stat`].
    pub fn cached_info(&self) -> Result<FileInfo, Errno> {
        Ok(self.info_of(self.cached_stat()?))
    }

    fn info_of(&self, look: FileStat) -> FileInfo {
        FileInfo {
            size: look.size,
            sealed: look.sealed,
            modified: Timestamp {
                date: look.modified(),
                nanoseconds: look.nanoseconds,
            },
            changed: Date::from_seconds(look.changed),
            date_is_shared: false,
            etag: self.tag(),
            media: self.media.unwrap_or_else(|| self.sniff(look.size)),
            start: None,
            bytes_before: None,
        }
    }

    /// Whether it has no name any more: when it is closed, its space is free.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        rustix::fs::fstat(&self.fd).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Whether a name of the file was removed since it was opened.
    #[must_use]
    pub fn lost_a_name(&self) -> bool {
        self.stat().is_ok_and(|look| look.links < self.links)
    }
}

/// Which file a descriptor is open for.
pub(super) fn identify(fd: BorrowedFd<'_>) -> Result<Id, Errno> {
    Ok(Id::of(&stat(fd)?))
}
