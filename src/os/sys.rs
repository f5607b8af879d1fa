//! The system calls that rustix does not have. With `poll` the only `unsafe` of the crate.
#![allow(
    unsafe_code,
    reason = "foreign functions; each call has its proof beside it"
)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::time::Duration;

use arrayvec::ArrayVec;

/// MAX_HANDLE_SZ of the kernel.
const HANDLE_MAX: usize = 128;

/// `struct file_handle` with its bytes.
#[repr(C)]
struct Handle {
    length: u32,
    kind: c_int,
    bytes: [u8; HANDLE_MAX],
}

/// The file handle of an open file, as the kernel would give it to an NFS client: its type, then its bytes. It stays
/// the same for the life of the file and is another one for the next file with the same inode number.
///
/// # Errors
/// EOPNOTSUPP if the file system has no handles (kernels before 6.5 then say EINVAL first, for AT_HANDLE_FID).
pub fn file_handle(fd: BorrowedFd<'_>) -> io::Result<ArrayVec<u8, { HANDLE_MAX + 4 }>> {
    let handle = name_to_handle(fd, libc::AT_HANDLE_FID).or_else(|_| name_to_handle(fd, 0))?;
    let mut all = ArrayVec::new();
    all.extend(handle.kind.to_be_bytes());
    all.extend(
        handle.bytes[..(handle.length as usize).min(HANDLE_MAX)]
            .iter()
            .copied(),
    );
    Ok(all)
}

fn name_to_handle(fd: BorrowedFd<'_>, flags: c_int) -> io::Result<Handle> {
    #[allow(clippy::cast_possible_truncation, reason = "128")]
    let mut handle = Handle {
        length: HANDLE_MAX as u32,
        kind: 0,
        bytes: [0; HANDLE_MAX],
    };
    let mut mount_id: c_int = 0;
    // SAFETY: the path is a C string; `handle` has the layout of file_handle with space for `length` bytes after it,
    // and the kernel writes no more than that (name_to_handle_at(2)); the mount identifier is an int, because the flags
    // are without AT_HANDLE_MNT_ID_UNIQUE. All three live through the call, and the descriptor is lent for it.
    let result = unsafe {
        libc::name_to_handle_at(
            fd.as_raw_fd(),
            c"".as_ptr(),
            (&raw mut handle).cast(),
            &raw mut mount_id,
            libc::AT_EMPTY_PATH | flags,
        )
    };
    if result == 0 {
        Ok(handle)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A descriptor that this process was started with; from here on it is closed on exec. It must have no other owner: see
/// [`super::inherited::take`], which asks for each once.
///
/// # Errors
/// EBADF: it is not open.
pub(super) fn inherited(number: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the protocol of passing descriptors it is the receiver's.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// CLOCK_MONOTONIC as a number, which `Instant` does not give. (rustix would bring its own reader of the vDSO.)
#[must_use]
pub fn monotonic() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// Processor time of this thread.
#[must_use]
pub fn thread_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> Duration {
    // SAFETY: all zeros are a timespec.
    let mut now: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one timespec. It cannot fail: every kernel has these clocks.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "the types differ between architectures; both are positive"
    )]
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The generation of an inode (FS_IOC_GETVERSION): another one each time the number is used again.
///
/// # Errors
/// ENOTTY where the file system has none.
pub fn inode_generation(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut generation: [c_int; 2] = [0; 2];
    // SAFETY: file systems write an int; where one passes the request on (FUSE), the kernel writes no more than the size
    // in its number, a long. Two ints are never shorter than that, and the kernel asks for no alignment.
    let result = unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            libc::FS_IOC_GETVERSION,
            generation.as_mut_ptr(),
        )
    };
    if result == 0 {
        Ok(generation[0].cast_unsigned())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The request FS_IOC_GETFSUUID, which libc does not name: `_IOR(0x15, 0, struct fsuuid2)`.
pub const FS_IOC_GETFSUUID: u32 = 0x8011_1500;

/// What tells a file system from others, and stays the same wherever and whenever it is mounted (FS_IOC_GETFSUUID).
///
/// # Errors
/// ENOTTY before Linux 6.9 and where the file system has none; EBADF for a descriptor that only names a file (O_PATH).
pub fn file_system_uuid(fd: BorrowedFd<'_>) -> io::Result<[u8; 16]> {
    // struct fsuuid2 of linux/fs.h: how many of the bytes behind the first one count.
    let mut uuid = [0_u8; 17];
    #[allow(
        clippy::cast_lossless,
        clippy::cast_possible_wrap,
        clippy::unnecessary_cast,
        reason = "the type of a request differs between C libraries"
    )]
    let request = FS_IOC_GETFSUUID as _;
    // SAFETY: the kernel writes these 17 bytes, and asks for no alignment.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, uuid.as_mut_ptr()) };
    match (result, uuid) {
        (0, [16, uuid @ ..]) => Ok(uuid),
        (0, _) => Err(io::Error::from_raw_os_error(libc::ENOTTY)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Bytes that were sent on a socket and that the peer's kernel (TCP) or the peer (unix) has not yet taken (SIOCOUTQ).
///
/// # Errors
/// ENOTTY and the like if it is no such socket.
pub fn unacknowledged(fd: impl AsFd) -> io::Result<u32> {
    let mut count: c_int = 0;
    // SAFETY: SIOCOUTQ (the same number as TIOCOUTQ) writes one int, for TCP (tcp(7)) as for unix sockets (unix_ioctl in
    // the kernel); so it would to a terminal (ioctl_tty(2)).
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 {
        Ok(count.cast_unsigned())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// How many datagrams the kernel has dropped at a socket, because its buffer was full or they were damaged: SO_MEMINFO.
/// (SO_RXQ_OVFL tells the same number, but only beside a later datagram.)
///
/// # Errors
/// ENOPROTOOPT before Linux 4.12.
pub fn dropped(fd: impl AsFd) -> io::Result<u32> {
    /// SK_MEMINFO_VARS of linux/sock_diag.h, and the index of SK_MEMINFO_DROPS.
    const COUNT: usize = 9;
    const DROPS: usize = 8;
    let mut values = [0u32; COUNT];
    #[allow(clippy::cast_possible_truncation, reason = "36")]
    let mut length = mem::size_of_val(&values) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of numbers to `values`, which is that long, and the length that it
    // wrote to `length`; both live through the call.
    let result = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(values[DROPS])
    } else {
        Err(io::Error::last_os_error())
    }
}

/// What statx(2) tells of nothing, to be filled from what an older call tells.
#[must_use]
pub fn blank_statx() -> rustix::fs::Statx {
    // SAFETY: it is the kernel's struct statx, of integers and of sets of bits, for which zeros are values.
    unsafe { mem::zeroed() }
}

/// Sets TCP_NOTSENT_LOWAT: the socket is writable only while fewer bytes than that are unsent.
///
/// # Errors
/// ENOPROTOOPT and the like if it is no TCP socket.
pub fn set_not_sent_low(fd: impl AsFd, bytes: u32) -> io::Result<()> {
    let value: c_int = bytes.cast_signed();
    #[allow(clippy::cast_possible_truncation, reason = "4")]
    let length = mem::size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`, which is that long and lives through the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `struct landlock_ruleset_attr` (landlock_create_ruleset(2)).
#[repr(C)]
#[derive(Default)]
pub struct Ruleset {
    /// LANDLOCK_ACCESS_FS_*
    pub access_fs: u64,
    /// LANDLOCK_ACCESS_NET_*, from ABI 4.
    pub access_net: u64,
    /// LANDLOCK_SCOPE_*, from ABI 6.
    pub scoped: u64,
}

/// `struct landlock_path_beneath_attr`, which is packed.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: c_int,
}

/// The version of Landlock that the kernel has.
///
/// # Errors
/// ENOSYS or EOPNOTSUPP: none.
pub fn landlock_abi() -> io::Result<libc::c_long> {
    const VERSION: c_int = 1;
    // SAFETY: with this flag the kernel reads no ruleset and asks for a null pointer and a size of 0
    // (landlock_create_ruleset(2)).
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::null::<Ruleset>(),
            0usize,
            VERSION,
        )
    };
    if version < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(version)
    }
}

/// A ruleset that takes away what the first `size` bytes of `ruleset` name.
///
/// # Errors
/// EINVAL for access that the kernel does not know; E2BIG if what lies behind its own struct is not zero.
pub fn landlock_ruleset(ruleset: &Ruleset, size: usize) -> io::Result<OwnedFd> {
    assert!(size <= mem::size_of::<Ruleset>());
    // SAFETY: the kernel reads `size` bytes of a struct that is at least so long, without padding, and lent for the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::from_ref(ruleset),
            size,
            0 as c_int,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    #[allow(clippy::cast_possible_truncation, reason = "a descriptor")]
    // SAFETY: the call has made this descriptor (it is not an error, see above), so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Gives back some access below a directory.
///
/// # Errors
/// EINVAL for access that the ruleset does not take away.
pub fn landlock_allow(
    ruleset: &OwnedFd,
    directory: BorrowedFd<'_>,
    allowed: u64,
) -> io::Result<()> {
    const PATH_BENEATH: c_int = 1;
    let rule = PathBeneath {
        allowed,
        parent: directory.as_raw_fd(),
    };
    // SAFETY: PATH_BENEATH says that the kernel reads one landlock_path_beneath_attr, which `rule` is: packed, 12 bytes. Its
    // descriptor lives through the call.
    unsafe { landlock_add_rule(ruleset, PATH_BENEATH, (&raw const rule).cast()) }
}

/// Adds a rule to a ruleset.
///
/// # Safety
/// `rule` points to what the kernel reads for this kind of rule, and the descriptors in it are open.
unsafe fn landlock_add_rule(ruleset: &OwnedFd, kind: c_int, rule: *const c_void) -> io::Result<()> {
    // SAFETY: the caller vouches for the rule; the ruleset lives through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            kind,
            rule,
            0 as c_int,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

/// Gives back some access to a TCP port.
///
/// # Errors
/// EINVAL for access that the ruleset does not take away.
pub fn landlock_allow_port(ruleset: &OwnedFd, port: u16, allowed: u64) -> io::Result<()> {
    const NET_PORT: c_int = 2;
    let rule = NetPort {
        allowed,
        port: port.into(),
    };
    // SAFETY: NET_PORT says that the kernel reads one landlock_net_port_attr, which `rule` is: two numbers of 64 bits.
    unsafe { landlock_add_rule(ruleset, NET_PORT, (&raw const rule).cast()) }
}

/// Restricts this thread and those that it will start.
///
/// # Errors
/// EPERM without `no_new_privs`; E2BIG for too many layers.
pub fn landlock_restrict(ruleset: &OwnedFd) -> io::Result<()> {
    // SAFETY: no pointers; the kernel changes rights, not memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_restrict_self,
            ruleset.as_raw_fd(),
            0 as c_int,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Filters the system calls of this thread and of those that it will start.
///
/// # Errors
/// EINVAL, ENOSYS: the kernel has no filters, or not this one. EACCES without `no_new_privs`.
pub fn seccomp_filter(filter: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog {
        len,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions, which `filter` has and which it does not change; both live through the
    // call.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the command killed when the thread that starts it ends, so that it cannot go on without its worker.
pub fn end_with_parent(command: &mut Command) {
    // SAFETY: the closure runs in the child between fork and exec; prctl(2) is a plain system call, without memory,
    // locks or anything else that another thread of the parent might have held at the fork.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(io::Error::from)
        });
    }
}

/// Undoes an inherited SIG_IGN of SIGCHLD: the kernel would forget how children ended, and wait(2) would fail (ECHILD).
pub fn keep_ends_of_children() {
    // SAFETY: no handler of ours, and no pointers.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Fills a buffer with random bytes that nobody can guess.
///
/// # Panics
/// If the kernel has none, which it always has (Linux 3.17).
pub fn random(buffer: &mut [u8]) {
    // SAFETY: the kernel writes at most `len` bytes to the buffer, which is that long.
    let count = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    assert_eq!(
        count,
        buffer.len().cast_signed(),
        "up to 256 bytes come at once"
    );
}

/// That many random bytes, as above.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}
