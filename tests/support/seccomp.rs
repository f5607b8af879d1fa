//! System calls that fail, as on a kernel that lacks them or in a sandbox that forbids them: a filter that the server
//! is started with (seccomp(2)).

use std::ffi::{c_int, c_long};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
};

/// A system call and the error that it fails with.
pub type Lack = (c_long, c_int);

/// What `command` executes will lack these system calls.
pub fn deny(command: &mut Command, lacks: &[Lack]) {
    let mut program = filter(lacks);
    let length = u16::try_from(program.len()).expect("a short program");
    let install = move || {
        let program = libc::sock_fprog {
            len: length,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: integers only.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        let mode = libc::SECCOMP_MODE_FILTER;
        // SAFETY: the kernel copies `len` instructions, which live in `program` of the closure.
        check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })
    };
    // SAFETY: between fork and exec of a child with one thread there are two system calls and no allocation.
    unsafe { command.pre_exec(install) };
}

fn check(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A classic BPF program over `struct seccomp_data`, whose first field is the number of the system call.
fn filter(lacks: &[Lack]) -> Vec<libc::sock_filter> {
    let step = |code: u32, equal, other, value| libc::sock_filter {
        code: u16::try_from(code).expect("16 bits"),
        jt: equal,
        jf: other,
        k: value,
    };
    let number = |call: c_long| u32::try_from(call).expect("a system call");
    let mut program = vec![step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0)];
    for &(call, error) in lacks {
        let failure = SECCOMP_RET_ERRNO | error.unsigned_abs();
        program.extend([
            step(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number(call)),
            step(BPF_RET | BPF_K, 0, 0, failure),
        ]);
    }
    program.push(step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW));
    program
}
