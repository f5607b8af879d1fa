//! The system calls that the server uses, for the filter of [`super::seccomp`]: a list for each capability.

use std::ffi::c_long;

/// What the process goes on to do after the filter is in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Serve files to connections that come in by listeners that are there already.
    Serve,
    /// Create, append to, rename and remove files.
    Write,
    /// Append to files what arrives at sockets that are there already.
    Intake,
}

/// A system call that is allowed, for all or for some arguments.
pub struct Rule {
    /// Its number.
    pub call: c_long,
    /// Empty: whatever its arguments are.
    pub checks: &'static [Check],
}

/// One half of an argument, masked, must be one of these values. The kernel passes each argument as 64 bits.
pub struct Check {
    /// From 0.
    pub argument: u32,
    /// Which half.
    pub half: Half,
    /// The bits that are compared.
    pub mask: u32,
    /// What they may be.
    pub values: &'static [u32],
}

/// Of 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Bits 0 to 31.
    Low,
    /// Bits 32 to 63.
    High,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lists {
    use std::ffi::c_long;

    use super::{Check, Half, Rule};

    const fn low(argument: u32, values: &'static [u32]) -> Check {
        Check {
            argument,
            half: Half::Low,
            mask: u32::MAX,
            values,
        }
    }

    /// Both halves of a pointer, to be NULL.
    const fn null(argument: u32) -> [Check; 2] {
        [
            low(argument, &[0]),
            Check {
                argument,
                half: Half::High,
                mask: u32::MAX,
                values: &[0],
            },
        ]
    }

    const fn rule(call: c_long, checks: &'static [Check]) -> Rule {
        Rule { call, checks }
    }

    #[allow(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "the kernel compares bits; requests and flags have 32"
    )]
    mod values {
        /// SIOCOUTQ, FIONBIO, FS_IOC_GETVERSION (whose size is that of a long), FS_IOC_GETFSUUID.
        pub const IOCTLS: &[u32] = &[
            libc::TIOCOUTQ as u32,
            libc::FIONBIO as u32,
            libc::FS_IOC_GETVERSION as u32,
            crate::os::sys::FS_IOC_GETFSUUID,
        ];
        /// Without those that make another process receive signals.
        pub const FCNTLS: &[u32] = &[
            libc::F_DUPFD_CLOEXEC as u32,
            libc::F_GETFD as u32,
            libc::F_SETFD as u32,
            libc::F_GETFL as u32,
            libc::F_SETFL as u32,
        ];
        pub const PRCTLS: &[u32] = &[
            libc::PR_SET_NAME as u32,
            // PR_SET_VMA: the C library names its memory.
            0x5356_4d41,
            libc::PR_SET_NO_NEW_PRIVS as u32,
        ];
        pub const CLONE_THREAD: u32 = libc::CLONE_THREAD as u32;
        pub const SOL_SOCKET: u32 = libc::SOL_SOCKET as u32;
        pub const SO_LINGER: u32 = libc::SO_LINGER as u32;
    }

    /// Calls whose arguments matter. The kernel remembers which of the other calls the filter always allows and runs it
    /// only for these, so the filter looks at these first.
    pub const CHECKED: &[Rule] = &[
        // No address: with one, a datagram goes elsewhere, and MSG_FASTOPEN connects.
        rule(libc::SYS_sendto, &null(4)),
        rule(libc::SYS_ioctl, &[low(1, values::IOCTLS)]),
        rule(libc::SYS_fcntl, &[low(1, values::FCNTLS)]),
        rule(
            libc::SYS_setsockopt,
            &[low(1, &[values::SOL_SOCKET]), low(2, &[values::SO_LINGER])],
        ),
        // Threads, but no processes.
        rule(
            libc::SYS_clone,
            &[Check {
                argument: 0,
                half: Half::Low,
                mask: values::CLONE_THREAD,
                values: &[values::CLONE_THREAD],
            }],
        ),
        rule(libc::SYS_prctl, &[low(0, values::PRCTLS)]),
        // Limits are read and not set.
        rule(libc::SYS_prlimit64, &null(2)),
    ];

    /// What serving takes on every architecture.
    pub const SERVE: &[c_long] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        // To read past what the kernel remembers of files of network file systems.
        libc::SYS_fadvise64,
        libc::SYS_sendfile,
        libc::SYS_recvfrom,
        libc::SYS_accept4,
        libc::SYS_shutdown,
        libc::SYS_getsockname,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_lseek,
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_getdents64,
        libc::SYS_readlinkat,
        libc::SYS_faccessat,
        libc::SYS_getcwd,
        libc::SYS_name_to_handle_at,
        // To read the tag of a copy.
        libc::SYS_getxattr,
        // To remove a socket file at the end.
        libc::SYS_unlinkat,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
        libc::SYS_timerfd_create,
        libc::SYS_timerfd_settime,
        libc::SYS_ppoll,
        libc::SYS_inotify_init1,
        libc::SYS_inotify_add_watch,
        libc::SYS_inotify_rm_watch,
        // Memory, threads, time, signals: what the standard library and the C library need.
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_membarrier,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_clock_gettime,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_geteuid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // To restrict a worker further than the process.
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_add_rule,
        libc::SYS_landlock_restrict_self,
    ];

    /// Older names of these, which only this architecture has.
    #[cfg(target_arch = "x86_64")]
    pub const SERVE_HERE: &[c_long] = &[
        libc::SYS_open,
        libc::SYS_stat,
        libc::SYS_lstat,
        libc::SYS_access,
        libc::SYS_readlink,
        libc::SYS_unlink,
        libc::SYS_poll,
        libc::SYS_epoll_wait,
        libc::SYS_time,
    ];
    #[cfg(target_arch = "aarch64")]
    pub const SERVE_HERE: &[c_long] = &[];

    pub const WRITE: &[c_long] = &[
        libc::SYS_pwrite64,
        libc::SYS_pwritev2,
        libc::SYS_ftruncate,
        libc::SYS_fallocate,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_syncfs,
        libc::SYS_flock,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_copy_file_range,
    ];
    #[cfg(target_arch = "x86_64")]
    pub const WRITE_HERE: &[c_long] = &[libc::SYS_rename, libc::SYS_link, libc::SYS_chmod];
    #[cfg(target_arch = "aarch64")]
    pub const WRITE_HERE: &[c_long] = &[];

    pub const INTAKE: &[c_long] = &[
        libc::SYS_flock,
        libc::SYS_fallocate,
        // To ask how many datagrams the kernel has dropped.
        libc::SYS_getsockopt,
    ];

    /// AUDIT_ARCH_* of linux/audit.h: the machine, 64 bits, little endian.
    #[cfg(target_arch = "x86_64")]
    pub const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
    #[cfg(target_arch = "aarch64")]
    /// `AUDIT_ARCH_AARCH64`.
    pub const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
}

/// There are no lists for this architecture.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod lists {
    use std::ffi::c_long;

    use super::Rule;

    /// None.
    pub const CHECKED: &[Rule] = &[];
    pub const SERVE: &[c_long] = &[];
    pub const SERVE_HERE: &[c_long] = &[];
    pub const WRITE: &[c_long] = &[];
    pub const WRITE_HERE: &[c_long] = &[];
    pub const INTAKE: &[c_long] = &[];
    /// No filter.
    pub const ARCHITECTURE: Option<u32> = None;
}

pub use lists::{ARCHITECTURE, CHECKED};
use lists::{INTAKE, SERVE, SERVE_HERE, WRITE, WRITE_HERE};

impl Capability {
    /// The system calls that it takes, whatever their arguments are.
    pub fn calls(self) -> impl Iterator<Item = c_long> {
        let (calls, here) = match self {
            Capability::Serve => (SERVE, SERVE_HERE),
            Capability::Write => (WRITE, WRITE_HERE),
            Capability::Intake => (INTAKE, &[][..]),
        };
        calls.iter().chain(here).copied()
    }
}
