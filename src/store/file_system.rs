//! What kind of file system a file is on: who may change the file, and who reports that.

use std::fmt;
use std::os::fd::AsFd;

/// A kind of file system, by its magic number (statfs(2)); 0: the kernel does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem(u32);

/// Who may change the files of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writers {
    /// Only this kernel: inotify reports every change.
    Here,
    /// This kernel, but also by way of another mount, of which inotify does not report. What is looked at is fresh.
    Beside,
    /// Other machines. This kernel remembers names and sizes for a while.
    Elsewhere,
    /// The same, and it also remembers pages: behind what the file had when it read them they have zeros, although by now
    /// the file has bytes there.
    ElsewhereWithOldPages,
}

impl FileSystem {
    /// FUSE, virtiofs included.
    pub const FUSE: FileSystem = FileSystem(0x6573_5546);
    /// 9p.
    pub const V9FS: FileSystem = FileSystem(0x0102_1997);

    /// overlay.
    pub const OVERLAY: FileSystem = FileSystem(0x794c_7630);

    const EXT4: FileSystem = FileSystem(0xef53);
    const BTRFS: FileSystem = FileSystem(0x9123_683e);

    /// That of an open file.
    #[must_use]
    pub fn of(fd: impl AsFd) -> FileSystem {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "magic numbers have 32 bits"
        )]
        FileSystem(rustix::fs::fstatfs(fd).map_or(0, |found| found.f_type as u32))
    }

    /// What tells the file system of an open file from others of its kind, and stays the same wherever and whenever it is
    /// mounted: `f_fsid`, where that is made of the UUID of the file system (most others make it of the device number).
    #[must_use]
    pub fn number(self, fd: impl AsFd) -> Option<[u8; 8]> {
        if !matches!(self, FileSystem::EXT4 | FileSystem::BTRFS) {
            return None;
        }
        Some(rustix::fs::fstatvfs(fd).ok()?.f_fsid.to_be_bytes())
    }

    /// Whether inotify reports every change.
    #[must_use]
    pub fn tells_of_changes(self) -> bool {
        self.writers() == Writers::Here
    }

    /// Whether other machines may change files, so that what this kernel remembers of them may be old.
    #[must_use]
    pub fn is_remote(self) -> bool {
        matches!(
            self.writers(),
            Writers::Elsewhere | Writers::ElsewhereWithOldPages
        )
    }

    /// Whether files must be read past the page cache.
    #[must_use]
    pub fn has_old_pages(self) -> bool {
        self.writers() == Writers::ElsewhereWithOldPages
    }

    /// Rather too careful with a kind that is not known.
    fn writers(self) -> Writers {
        match self.0 {
            // ext2 to ext4, XFS, btrfs, tmpfs, ramfs, F2FS, ZFS, bcachefs, UBIFS, JFFS2, JFS, ReiserFS, NILFS, vfat,
            // exFAT, ISO 9660, squashfs, EROFS.
            0xef53 | 0x5846_5342 | 0x9123_683e | 0x0102_1994 | 0x8584_58f6 | 0xf2f5_2010
            | 0x2fc1_2fc1 | 0xca45_1a4e | 0x2405_1905 | 0x72b6 | 0x3153_464a | 0x5265_4973
            | 0x3434 | 0x4d44 | 0x2011_bab0 | 0x9660 | 0x7371_7368 | 0xe0f5_e1e2 => Writers::Here,
            // overlay, aufs, eCryptfs, NTFS, UDF; what the kernel itself shows: sysfs, proc, cgroups, debugfs, tracefs.
            0x794c_7630 | 0x6175_6673 | 0xf15f | 0x7366_746e | 0x1501_3346 | 0x6265_6572
            | 0x9fa0 | 0x0027_e0eb | 0x6367_7270 | 0x6462_6720 | 0x7472_6163 => Writers::Beside,
            // FUSE (and virtiofs), NFS, SMB 1 to 3, 9p.
            0x6573_5546 | 0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x0102_1997 => {
                Writers::ElsewhereWithOldPages
            }
            // CephFS, Lustre, GPFS, GFS2, OCFS2, whose caches are kept coherent; and whatever else there is.
            _ => Writers::Elsewhere,
        }
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a file system of type {:#x}", self.0)
    }
}
