//! What the tests of bad days share: a server process, a small client, directories that go away.

pub mod client;
pub mod fuse;
pub mod seccomp;
pub mod server;

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openrange::limits::SWEEP_INTERVAL;

/// How long anything may take before it counts as never. Nothing is asserted about how long it takes.
pub const PATIENCE: Duration = Duration::from_secs(14);
/// Else the regular sweep would make up for what was missed.
const _: () = assert!(PATIENCE.as_secs() < SWEEP_INTERVAL.as_secs());

/// A directory of this test alone, removed when it is dropped.
pub struct Directory(PathBuf);

impl Directory {
    /// In the directory for temporary files.
    pub fn new() -> Directory {
        Directory::below(&std::env::temp_dir())
    }

    /// Below another directory, for example on another file system.
    pub fn below(parent: &Path) -> Directory {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("openrange-test-{}-{count}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                // Left by a run that was killed, and had the same process number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("no new directory {}: {error}", path.display()),
            }
        };
        // Also for a server that becomes another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a publisher does.
pub fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("a file to append to");
    file.write_all(bytes).expect("an append");
}

/// Waits for something that makes no event which a test could wait for.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

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

/// Numbers that look random, the same in every run with the same seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}
