//! A filter that lets the process make the system calls that it uses, and fails every other one with EPERM
//! (seccomp(2)).
//!
//! It closes what Landlock leaves open: changing modes, owners, attributes and times of files, new sockets and
//! connections of any kind, io_uring, new processes. A classic BPF program by hand: a library for it would be larger than
//! the list, which has to be kept by hand anyway. Whoever adds a system call to the server adds it to the
//! [`Capability`] that needs it.

use std::ffi::c_long;
use std::io;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, sock_filter,
};

use super::sys;
use super::system_calls::{ARCHITECTURE, CHECKED, Capability, Check, Half, Rule};

// struct seccomp_data: the number, the architecture, the instruction pointer, six arguments.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

/// Installs the filter for this thread and those that it will start.
///
/// # Errors
/// EINVAL, ENOSYS: the kernel has no such filters; `Unsupported`: there is no list for this architecture. EACCES without
/// `no_new_privs`.
pub fn install(capabilities: &[Capability]) -> io::Result<()> {
    let architecture = ARCHITECTURE.ok_or(io::ErrorKind::Unsupported)?;
    sys::seccomp_filter(&program(architecture, capabilities))
}

fn program(architecture: u32, capabilities: &[Capability]) -> Vec<sock_filter> {
    let deny = SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    let mut program = vec![
        load(ARCHITECTURE_AT),
        // Calls of another architecture (32 bits) have other numbers.
        jump_if(architecture, 1, 0),
        answer(deny),
        load(NUMBER_AT),
    ];
    for Rule { call, checks } in CHECKED {
        let mut body: Vec<sock_filter> = checks
            .iter()
            .flat_map(|check| checked(check, deny))
            .collect();
        body.push(answer(SECCOMP_RET_ALLOW));
        let length = u8::try_from(body.len()).expect("few checks");
        program.push(jump_if(number(*call), 0, length));
        program.extend(body);
    }
    // The C library then falls back to clone, whose flags can be looked at.
    program.push(jump_if(number(libc::SYS_clone3), 0, 1));
    program.push(answer(SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()));
    for call in capabilities
        .iter()
        .flat_map(|capability| capability.calls())
    {
        program.push(jump_if(number(call), 0, 1));
        program.push(answer(SECCOMP_RET_ALLOW));
    }
    program.push(answer(deny));
    program
}

/// Denies unless the half of the argument is one of the values.
fn checked(check: &Check, deny: u32) -> Vec<sock_filter> {
    let half = match check.half {
        Half::Low => 0,
        Half::High => 4,
    };
    let mut steps = vec![
        load(ARGUMENTS_AT + 8 * check.argument + half),
        step(BPF_ALU | BPF_AND | BPF_K, 0, 0, check.mask),
    ];
    let count = check.values.len();
    for (index, value) in check.values.iter().enumerate() {
        let behind = u8::try_from(count - index).expect("few values");
        steps.push(jump_if(*value, behind, 0));
    }
    steps.push(answer(deny));
    steps
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).expect("the number of a system call")
}

fn load(at: u32) -> sock_filter {
    step(BPF_LD | BPF_W | BPF_ABS, 0, 0, at)
}

/// Skips so many instructions if the loaded value is this one, and so many if not.
fn jump_if(value: u32, equal: u8, other: u8) -> sock_filter {
    step(BPF_JMP | BPF_JEQ | BPF_K, equal, other, value)
}

fn answer(action: u32) -> sock_filter {
    step(BPF_RET | BPF_K, 0, 0, action)
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).expect("16 bits"),
        jt,
        jf,
        k,
    }
}
