//! The identity of a file.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags, Statx, StatxFlags};

use super::evidence::{self, Beginning};
use super::file_system::FileSystem;
use super::mounts;
use crate::http::etag::ETag;
use crate::http::position::fnv;
use crate::os::sys;

/// The extended attribute in which a mirror stores the tag that the origin gives a file: 16 hex digits.
pub const TAG_ATTRIBUTE: &str = "user.openrange.tag";

/// The tag in [`TAG_ATTRIBUTE`] of an open file, which need not be readable (fgetxattr(2) refuses O_PATH).
pub(super) fn original(fd: BorrowedFd<'_>) -> Option<ETag> {
    let mut value = [0; 32];
    let length = rustix::fs::getxattr(proc_path(fd), TAG_ATTRIBUTE, &mut value[..]).ok()?;
    ETag::from_digits(value.get(..length)?)
}

/// The identity of an open file, for its tag. Nothing in it may differ between two hosts that mount the same file system, or
/// before and after a reboot, so there is no device number. It is made of what the file system offers:
///
/// | file system | identity | why |
/// |---|---|---|
/// | ext4, XFS, btrfs, tmpfs, NFS and most others | file handle, time of birth | the handle has a generation, which changes when an inode number is given again; {inode, birth} alone repeats within a tick of the kernel's clock |
/// | the same on kernels without handles for them (before 6.5) | inode number, generation (FS_IOC_GETVERSION), birth | what the handle would have |
/// | overlay with a UUID of its own (Linux 6.9), whose handle names a file of a lower layer | that handle, inode number, the UUID | all stay when the first write copies the file to the upper layer, where it is born again; the number tells apart two names of one lower file when one of them has been copied, and the UUID the copies that two overlays make of it |
/// | ext4 and btrfs, a file that a tool has put into an image | file handle, time of birth, number of the file system | such a file has no generation, or was born at a whole second, as those of other images are |
/// | FUSE of GlusterFS, JuiceFS, MooseFS, CephFS | kind, volume, inode number | these number files for the whole volume; the handle is only the node number of one mount |
/// | other FUSE, virtiofs, 9p, whatever has neither generation nor birth | [`evidence`] | their numbers belong to one mount, or to another file tomorrow |
///
/// The rule for unknown file systems: rather two tags for one file, which is a needless 412, than one tag for two files.
///
/// Where it rests on evidence, this comes with it.
pub(super) fn identity(
    fd: BorrowedFd<'_>,
    system: FileSystem,
    stat: &Statx,
) -> (u64, Option<Box<Beginning>>) {
    let is_file = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile;
    let identity = match basis(fd, system, stat) {
        Basis::Kernel => by_handle(fd, system, stat).unwrap_or_else(|| by_inode(fd, stat)),
        Basis::Volume(volume) => fnv(&[volume.as_bytes(), &stat.stx_ino.to_be_bytes()]),
        // Directories have no tags: what distinguishes them is only compared while they are open.
        Basis::Evidence if !is_file => by_inode(fd, stat),
        Basis::Evidence => {
            return match Beginning::read(fd) {
                Ok(beginning) => {
                    let identity = evidence::identity(fd, stat, &beginning);
                    (identity, Some(Box::new(beginning)))
                }
                Err(_) => (evidence::unknown(), Some(Box::default())),
            };
        }
    };
    (identity, None)
}

/// The same by a descriptor that need not be readable. `None`: it takes opening the file, and that fails.
pub(super) fn identity_of_place(place: BorrowedFd<'_>, stat: &Statx) -> Option<u64> {
    let system = FileSystem::of(place);
    let known = match basis(place, system, stat) {
        Basis::Kernel => by_handle(place, system, stat),
        Basis::Volume(volume) => Some(fnv(&[volume.as_bytes(), &stat.stx_ino.to_be_bytes()])),
        Basis::Evidence => None,
    };
    known.or_else(|| {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(proc_path(place), flags, Mode::empty()).ok()?;
        Some(identity(fd.as_fd(), system, stat).0)
    })
}

/// The name under which this process reaches an open file, whatever has become of its names.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// What the identity of a file is made of.
enum Basis {
    /// What the kernel says of it.
    Kernel,
    /// Its number within this volume.
    Volume(String),
    /// What was seen of it.
    Evidence,
}

fn basis(fd: BorrowedFd<'_>, system: FileSystem, stat: &Statx) -> Basis {
    match system {
        FileSystem::FUSE => volume(stat).map_or(Basis::Evidence, Basis::Volume),
        FileSystem::V9FS => Basis::Evidence,
        _ if has_birth(stat) || has_generation(fd) => Basis::Kernel,
        _ => Basis::Evidence,
    }
}

/// The volume that a FUSE file is in, if its inode number is that of the volume and not of the mount. The name of the
/// server, which differs between hosts, is no part of it.
fn volume(stat: &Statx) -> Option<String> {
    let mount = mounts::find(stat.stx_mnt_id)?;
    let kind = mount.fuse_kind()?;
    let name = mount.source.rsplit(':').next().unwrap_or_default();
    match kind {
        "glusterfs" | "juicefs" => Some(format!("{kind} {name}")),
        "mfs" => Some("mfs".to_owned()),
        kind if kind.starts_with("ceph") => Some("ceph".to_owned()),
        _ => None,
    }
}

fn by_handle(fd: BorrowedFd<'_>, system: FileSystem, stat: &Statx) -> Option<u64> {
    let handle = sys::file_handle(fd).ok()?;
    if system == FileSystem::OVERLAY && names_lower(&handle) {
        match sys::file_system_uuid(fd) {
            Ok(uuid) => return Some(fnv(&[&handle, &stat.stx_ino.to_be_bytes(), &uuid])),
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => return None,
            Err(_) => {}
        }
    }
    let birth = birth(stat);
    let number = match has_distinct_handle(&handle) && stat.stx_btime.tv_nsec != 0 {
        true => None,
        false => system.number(fd),
    };
    Some(match number {
        Some(number) => fnv(&[&handle, &birth, &number]),
        None => fnv(&[&handle, &birth]),
    })
}

/// Whether a handle of an overlay names a file of a lower layer (`struct ovl_fb` in fs/overlayfs/overlayfs.h, with the handle
/// of that file in it), and for ever: the file has a generation, and another file system has another identifier. Without the
/// latter (`uuid=null`) generations must be random, as those in handles of the generic kind are.
fn names_lower(handle: &[u8]) -> bool {
    const UPPER: u8 = 4;
    let [0, 0, 0, 0xf8, 0, 0, 0, 0, 0xfb, _, flags, kind, rest @ ..] = handle else {
        return false;
    };
    let Some((identifier, own)) = rest.split_at_checked(16) else {
        return false;
    };
    let kind = u32::from(*kind);
    let is_distinct = identifier.iter().any(|&byte| byte != 0) || matches!(kind, 1 | 0x81);
    flags & UPPER == 0 && is_distinct && handle_has_generation(kind, own)
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

fn has_birth(stat: &Statx) -> bool {
    stat.stx_mask & StatxFlags::BTIME.bits() != 0
}

/// Whether something changes when an inode number is given again.
fn has_generation(fd: BorrowedFd<'_>) -> bool {
    match sys::file_handle(fd) {
        Ok(handle) => has_distinct_handle(&handle),
        Err(_) => sys::inode_generation(fd).is_ok_and(|generation| generation != 0),
    }
}

/// The same of a file handle, in which its kind comes first.
fn has_distinct_handle(handle: &[u8]) -> bool {
    match handle {
        [a, b, c, d, own @ ..] => handle_has_generation(u32::from_be_bytes([*a, *b, *c, *d]), own),
        _ => true,
    }
}

/// A handle of the generic kind without a generation is only the inode number (FILEID_INO32_GEN, FILEID_INO64_GEN in
/// exportfs.h).
fn handle_has_generation(kind: u32, own: &[u8]) -> bool {
    !matches!(
        (kind, own),
        (1, [_, _, _, _, 0, 0, 0, 0]) | (0x81, [_, _, _, _, _, _, _, _, 0, 0, 0, 0])
    )
}

/// The time of birth of a file that an overlay may have copied to its upper layer since it was opened, and given another
/// identity by that.
pub(super) fn birth_that_may_change(
    fd: BorrowedFd<'_>,
    system: FileSystem,
    stat: &Statx,
) -> Option<[u8; 12]> {
    let stays = || {
        sys::file_handle(fd).is_ok_and(|handle| names_lower(&handle))
            && sys::file_system_uuid(fd).is_ok()
    };
    let changes = system == FileSystem::OVERLAY && !stays();
    changes.then(|| birth(stat))
}

pub(super) fn birth(stat: &Statx) -> [u8; 12] {
    let mut birth = [0; 12];
    if has_birth(stat) {
        birth[..8].copy_from_slice(&stat.stx_btime.tv_sec.to_be_bytes());
        birth[8..].copy_from_slice(&stat.stx_btime.tv_nsec.to_be_bytes());
    }
    birth
}
