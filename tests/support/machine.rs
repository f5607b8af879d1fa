//! What this machine can do, for tests that need something of it.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Says on stderr that something cannot be tested on this machine.
pub fn skip(why: &str) {
    // Not eprintln!, which the test runner would keep to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A port of 127.0.0.1 that nobody has, neither of TCP nor of UDP. Nobody gets it by chance either, unlike one of those that
/// the kernel gives to whoever wants any: they begin at 32,768 (ip_local_port_range, ip(7)).
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin in different places.
    let start = u16::try_from(std::process::id() * 61 % u32::from(COUNT)).expect("below it");
    loop {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + taken % COUNT) % COUNT;
        let address = ("127.0.0.1", port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a command can be run and succeeds.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Runs a test's body in user and mount namespaces of its own, where it is root and may mount: in a process of this
/// very binary that runs the test of that name in that module (`module_path!()`) alone. What it has mounted goes with it.
pub fn in_namespace(module: &str, test: &str, body: impl FnOnce()) {
    const INSIDE: &str = "OPENRANGE_TEST_IN_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    // Where namespaces are allowed, mounting in them need not be.
    if !succeeds("unshare", &["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/"]) {
        return skip("nothing can be mounted in namespaces of one's own");
    }
    // The test runner's names are without the binary's own.
    let (_, module) = module.split_once("::").expect("a module of a test");
    let name = format!("{module}::{test}");
    let output = Command::new("unshare")
        .arg("-Urm")
        .arg(std::env::current_exe().expect("this binary"))
        .args([name.as_str(), "--exact"])
        .env(INSIDE, "1")
        .stderr(Stdio::inherit())
        .output()
        .expect("unshare");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "inside the namespace: {said}");
}
