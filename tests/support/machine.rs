//! What this machine can do, for tests that need something of it.

use std::io::Write;
use std::process::{Command, Stdio};

/// Says on stderr that something cannot be tested on this machine.
pub fn skip(why: &str) {
    // Not eprintln!, which the test runner would keep to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
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
