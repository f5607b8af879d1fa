//! Giving up what is not needed: root, capabilities, system calls, and all files but those below the served directory.
//!
//! It makes the three system calls of Landlock itself: the crate for them would bring eight others with procedural
//! macros. What is given up while the process has one thread, no other thread has: each inherits it. The process keeps
//! the directory that ROOT is in, so that it can serve another directory that takes the name; a thread that works for
//! clients then gives up everything but ROOT itself.

use std::ffi::c_long;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::seccomp;
use super::sys::{self, Ruleset};
use super::system_calls::Capability;

const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_FILE: u64 = 1 << 5;
/// LANDLOCK_ACCESS_FS_MAKE_REG
const MAKE_FILE: u64 = 1 << 8;
/// LANDLOCK_ACCESS_FS_REFER, from ABI 2: a new name in another directory.
const REFER: u64 = 1 << 13;
/// LANDLOCK_ACCESS_FS_TRUNCATE, from ABI 3.
const TRUNCATE: u64 = 1 << 14;
/// Everything about files that ABI 1 knows, then what later ones added: REFER, TRUNCATE, IOCTL_DEV.
const FS_BITS: [(c_long, u32); 4] = [(1, 13), (2, 14), (3, 15), (5, 16)];
/// BIND_TCP and CONNECT_TCP.
const NET: u64 = 0b11;
/// LANDLOCK_ACCESS_NET_CONNECT_TCP
const CONNECT_TCP: u64 = 1 << 1;
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

/// Becomes another user, for good: a name of /etc/passwd with all of its groups, or `UID:GID`.
///
/// # Errors
/// One line: no such user, or not allowed.
pub fn become_user(user: &str) -> Result<(), String> {
    let (uid, gid) = look_up(user)?;
    let explain = |error| format!("cannot become user {user}: {error}; only root can");
    let mut groups = supplementary_groups(user)?;
    groups.retain(|group| *group != gid);
    groups.insert(0, gid);
    thread::set_thread_groups(&groups).map_err(explain)?;
    thread::set_thread_res_gid(gid, gid, gid).map_err(explain)?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(explain)
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
        // The root of the file system is in no directory.
        None => file,
    }
}

fn look_up(user: &str) -> Result<(Uid, Gid), String> {
    if user.contains(':') {
        return ids(user).ok_or_else(|| format!("--user {user}: expected UID:GID"));
    }
    // Not by the C library, whose look-up does not work in a static binary.
    let passwd = fs::read_to_string("/etc/passwd")
        .map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find_map(|fields| match fields.as_slice() {
            [name, _, uid, gid, ..] if *name == user => numbers(uid, gid),
            _ => None,
        })
        .ok_or_else(|| format!("--user {user}: no such user in /etc/passwd; UID:GID works too"))
}

/// The numbers in `UID:GID`.
#[must_use]
pub fn ids(user: &str) -> Option<(Uid, Gid)> {
    let (uid, gid) = user.split_once(':')?;
    numbers(uid, gid)
}

fn numbers(uid: &str, gid: &str) -> Option<(Uid, Gid)> {
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    // -1 means "unchanged" to the kernel.
    (uid != u32::MAX && gid != u32::MAX).then(|| (Uid::from_raw(uid), Gid::from_raw(gid)))
}

/// The groups that /etc/group lists a user in; none for `UID:GID`.
fn supplementary_groups(user: &str) -> Result<Vec<Gid>, String> {
    if user.contains(':') {
        return Ok(Vec::new());
    }
    let text = match fs::read_to_string("/etc/group") {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("cannot read /etc/group: {error}")),
    };
    Ok(groups_of(user, &text))
}

/// The groups of a user in the text of group(5): `name:password:gid:user,user`.
fn groups_of(user: &str, text: &str) -> Vec<Gid> {
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter_map(|fields| match fields.as_slice() {
            [_, _, gid, members] if members.split(',').any(|member| member == user) => {
                gid.parse().ok().filter(|gid| *gid != u32::MAX)
            }
            _ => None,
        })
        .map(Gid::from_raw)
        .collect()
}

/// Gives up all capabilities and every way to regain one.
///
/// # Errors
/// None are known: giving up is always allowed.
pub fn drop_capabilities() -> io::Result<()> {
    // EINVAL before Linux 4.3, which has no ambient set.
    let _ = thread::clear_ambient_capability_set();
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // EPERM: without CAP_SETPCAP the bounding set stays, but nothing is left that could use it: `no_new_privs`.
            // EINVAL: the kernel has no more of them.
            Err(Errno::PERM | Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    Ok(thread::set_capabilities(None, sets)?)
}

/// Something that must stay possible in the directory of a file (and below it: Landlock knows nothing narrower). Not
/// only with the file itself: another one takes its name whenever it is replaced.
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

/// Gives up, for this thread and all that it will start, access to files except reading in the directory that `root` is in,
/// writing below the `writable` directories, and what is to be kept for certain files; all new TCP listeners and connections; and gaining privileges by `execve`.
///
/// # Errors
/// If the kernel has Landlock and refuses.
pub fn confine_process<'a, 'b>(
    root: &Path,
    kept: impl Iterator<Item = (&'a Path, Keep)>,
    writable: impl Iterator<Item = BorrowedFd<'b>>,
) -> io::Result<Sandbox> {
    thread::set_no_new_privs(true)?;
    let Some((abi, rules)) = ruleset()? else {
        return Ok(Sandbox::Missing);
    };
    let place = std::path::absolute(root)?;
    allow_around(&rules, &place, READ_FILE | READ_DIR)?;
    for (file, keep) in kept {
        allow_around(&rules, file, keep.access())?;
    }
    for directory in writable {
        sys::landlock_allow(&rules, directory, write_below(abi))?;
    }
    sys::landlock_restrict(&rules)?;
    Ok(Sandbox::Landlock(abi))
}

/// Gives up, for this thread and those that it will start, access to files except reading below `root`, and writing there if
/// it `writes`; without a root, except those that are open.
///
/// # Errors
/// As [`confine_process`], which comes first.
pub fn confine_thread(root: Option<BorrowedFd<'_>>, writes: bool) -> io::Result<()> {
    let Some((abi, rules)) = ruleset()? else {
        return Ok(());
    };
    if let Some(root) = root {
        let write = if writes { write_below(abi) } else { 0 };
        sys::landlock_allow(&rules, root, READ_FILE | READ_DIR | write)?;
    }
    sys::landlock_restrict(&rules)
}

/// Gives up, for this thread and those that it will start, access to files except reading below the `readable` directories
/// that are there and replacing `state`; all new TCP listeners, and TCP connections except to these `ports`; and gaining
/// privileges by `execve`.
///
/// # Errors
/// If the kernel has Landlock and refuses.
pub fn confine_sender(readable: &[&Path], state: &Path, ports: &[u16]) -> io::Result<Sandbox> {
    thread::set_no_new_privs(true)?;
    let Some((abi, rules)) = ruleset()? else {
        return Ok(Sandbox::Missing);
    };
    for path in readable {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
        match rustix::fs::open(*path, flags, Mode::empty()) {
            Ok(directory) => sys::landlock_allow(&rules, directory.as_fd(), READ_FILE | READ_DIR)?,
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let truncate = if abi >= 3 { TRUNCATE } else { 0 };
    let replace = READ_FILE | READ_DIR | WRITE_FILE | MAKE_FILE | REMOVE_FILE | truncate;
    allow_around(&rules, state, replace)?;
    // Before ABI 4 Landlock does not restrict connections.
    for port in ports.iter().filter(|_| abi >= 4) {
        sys::landlock_allow_port(&rules, *port, CONNECT_TCP)?;
    }
    sys::landlock_restrict(&rules)?;
    Ok(Sandbox::Landlock(abi))
}

/// Gives up all system calls but those that these capabilities take, for this thread and those that it will start. False:
/// the kernel has no filters, or there is no list for this architecture.
///
/// # Errors
/// If the kernel has them and refuses.
pub fn filter_system_calls(capabilities: &[Capability]) -> io::Result<bool> {
    match seccomp::install(capabilities) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            None | Some(libc::EINVAL | libc::ENOSYS | libc::EPERM) => Ok(false),
            Some(_) => Err(error),
        },
    }
}

/// What writing over HTTP takes. Nothing is ever made shorter.
fn write_below(abi: c_long) -> u64 {
    let refer = if abi >= 2 { REFER } else { 0 };
    WRITE_FILE | REMOVE_FILE | MAKE_FILE | refer
}

/// The version of Landlock and a ruleset that takes away all that it can. `None`: the kernel has none.
fn ruleset() -> io::Result<Option<(c_long, OwnedFd)>> {
    let Ok(abi) = sys::landlock_abi() else {
        return Ok(None);
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
    Ok(Some((abi, rules)))
}

/// Gives back some access in the directory that something is in; if it is a symbolic link, that directory may be exchanged
/// as well as the one it leads to.
fn allow_around(rules: &OwnedFd, path: &Path, access: u64) -> io::Result<()> {
    let target = path.canonicalize().ok();
    for path in [Some(path), target.as_deref()].into_iter().flatten() {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let directory = rustix::fs::open(directory_of(path), flags, Mode::empty())?;
        sys::landlock_allow(rules, directory.as_fd(), access)?;
    }
    Ok(())
}
