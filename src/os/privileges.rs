//! Giving up what is not needed: root, and everything but reading below the served directory.
//!
//! Landlock by its three system calls: the crate for it would bring eight others with procedural macros.
//! Both must happen while the process has one thread: the others inherit it.

use std::ffi::c_long;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Uid};
use rustix::thread;

use super::sys::{self, Ruleset};

const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_FILE: u64 = 1 << 5;
/// LANDLOCK_ACCESS_FS_MAKE_REG
const MAKE_FILE: u64 = 1 << 8;
/// Everything about files that ABI 1 knows, then what later ones added: REFER, TRUNCATE, IOCTL_DEV.
const FS_BITS: [(c_long, u32); 4] = [(1, 13), (2, 14), (3, 15), (5, 16)];
/// BIND_TCP and CONNECT_TCP.
const NET: u64 = 0b11;
/// Abstract unix sockets and signals of others.
const SCOPED: u64 = 0b11;

/// How far the process is restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// By this version of Landlock.
    Landlock(c_long),
    /// Not at all: the kernel has no Landlock.
    Missing,
}

/// Whether the process runs as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Becomes another user, for good: a name of /etc/passwd, or `UID:GID`.
///
/// # Errors
/// One line: no such user, or not allowed.
pub fn become_user(user: &str) -> Result<(), String> {
    let (uid, gid) = look_up(user)?;
    let explain = |error| format!("cannot become user {user}: {error}; only root can");
    thread::set_thread_groups(&[gid]).map_err(explain)?;
    thread::set_thread_res_gid(gid, gid, gid).map_err(explain)?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(explain)
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn look_up(user: &str) -> Result<(Uid, Gid), String> {
    let ids = |uid: &str, gid: &str| {
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        // -1 means "unchanged" to the kernel.
        (uid != u32::MAX && gid != u32::MAX).then(|| (Uid::from_raw(uid), Gid::from_raw(gid)))
    };
    if let Some((uid, gid)) = user.split_once(':') {
        return ids(uid, gid).ok_or_else(|| format!("--user {user}: expected UID:GID"));
    }
    // Not through the C library, whose look-up does not work in a static binary.
    let passwd = fs::read_to_string("/etc/passwd")
        .map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find_map(|fields| match fields.as_slice() {
            [name, _, uid, gid, ..] if *name == user => ids(uid, gid),
            _ => None,
        })
        .ok_or_else(|| format!("--user {user}: no such user in /etc/passwd; UID:GID works too"))
}

/// Something that must still be possible in the directory of a file (and, as Landlock has it, below that). Not only with
/// the file itself: another one takes its name whenever it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Removing it.
    Remove,
    /// Reading it again.
    Read,
    /// Making it again, if it is gone, and writing to it.
    Write,
}

impl Keep {
    fn access(self) -> u64 {
        match self {
            Keep::Remove => REMOVE_FILE,
            Keep::Read => READ_FILE,
            Keep::Write => WRITE_FILE | MAKE_FILE,
        }
    }
}

/// Gives up all access to files but reading below `root` and what is to be kept for certain files, all new TCP listeners
/// and connections, and gaining privileges by `execve`.
///
/// # Errors
/// If the kernel has Landlock and refuses.
pub fn sandbox<'a>(
    root: &Path,
    kept: impl Iterator<Item = (&'a Path, Keep)>,
) -> io::Result<Sandbox> {
    thread::set_no_new_privs(true)?;
    let Ok(abi) = sys::landlock_abi() else {
        return Ok(Sandbox::Missing);
    };
    let bits = FS_BITS
        .iter()
        .rev()
        .find(|(since, _)| *since <= abi)
        .map_or(13, |(_, bits)| *bits);
    let ruleset = Ruleset {
        access_fs: (1 << bits) - 1,
        access_net: if abi >= 4 { NET } else { 0 },
        scoped: if abi >= 6 { SCOPED } else { 0 },
    };
    // A kernel refuses a longer struct than it knows only if the rest is not zero.
    let rules = sys::landlock_ruleset(&ruleset, size_of::<Ruleset>())?;
    let open = |path: &Path| rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    sys::landlock_allow(&rules, open(root)?.as_fd(), READ_FILE | READ_DIR)?;
    for (file, keep) in kept {
        // If it is a symbolic link, that directory may be exchanged as well as the one it leads to.
        let target = file.canonicalize().ok();
        for file in [Some(file), target.as_deref()].into_iter().flatten() {
            sys::landlock_allow(&rules, open(directory_of(file))?.as_fd(), keep.access())?;
        }
    }
    sys::landlock_restrict(&rules)?;
    Ok(Sandbox::Landlock(abi))
}
