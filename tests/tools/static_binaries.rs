//! The static binaries of `packaging/static.sh`, where it has made them: each serves, tails and rolls; those of other
//! machines under qemu-user.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::{skip, succeeds};
use crate::support::tail::End;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// When the newest file at or below this was changed.
fn newest(path: &Path) -> SystemTime {
    let metadata = path.metadata().expect("metadata");
    if !metadata.is_dir() {
        return metadata.modified().expect("a time");
    }
    let entries = fs::read_dir(path).expect("a directory");
    let times = entries.map(|entry| newest(&entry.expect("an entry").path()));
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A binary that was made from the sources as they are.
fn binary(architecture: &str) -> Option<PathBuf> {
    let binary = root().join(format!("target/static/openrange-{architecture}"));
    let made = binary.metadata().and_then(|metadata| metadata.modified());
    let sources = ["src", "Cargo.toml", "Cargo.lock"].map(|name| newest(&root().join(name)));
    let fresh = made.is_ok_and(|made| sources.iter().all(|source| *source <= made));
    if !fresh {
        skip(&format!(
            "no fresh static binary; packaging/static.sh {architecture} makes it"
        ));
    }
    fresh.then_some(binary)
}

/// Serves, tails and rolls with this architecture's binary; `emulators` are tried in turn.
fn try_out(architecture: &str, emulators: &[&str]) {
    let Some(binary) = binary(architecture) else {
        return;
    };
    let native = std::env::consts::ARCH == architecture;
    let emulator = emulators.iter().find(|name| succeeds(name, &["--version"]));
    if !native && emulator.is_none() {
        skip(&format!("no {} here", emulators.join(" or ")));
        return;
    }
    let emulator = emulator.filter(|_| !native).unwrap_or(&"");
    let logs = TempDir::new();
    append(&logs.join("log"), b"one\n");
    // In place of the binary of this build, the first argument.
    let instead = format!("shift; set -- {emulator} '{}' \"$@\"", binary.display());
    let server = Server::after(&instead, logs.path(), &[]).expect("a server");
    assert_eq!(server.get("/log", &[]).body, b"one\n");
    // qemu-user knows no openat2(2): this is the walk in its place.
    std::os::unix::fs::symlink("../../etc/passwd", logs.join("outside")).expect("symlink");
    assert_eq!(server.get("/outside", &[]).status, 404);
    std::os::unix::fs::symlink("log", logs.join("inside")).expect("symlink");
    assert_eq!(server.get("/inside", &[]).body, b"one\n");

    let mut tail = server.tail("/log", 0);
    tail.wait_for(4);
    append(&logs.join("log"), b"two\n");
    tail.wait_for(8);
    append(&logs.join("log"), b"three\n");
    fs::rename(logs.join("log"), logs.join("log.1")).expect("rename");
    append(&logs.join("log"), b"four\n");
    assert_eq!(tail.end(), &End::Complete("renamed".into()));
    assert_eq!(tail.body, b"one\ntwo\nthree\n");

    let mut next = server.tail("/log", 0);
    next.wait_for(5);
    assert_eq!(next.body, b"four\n");
    assert_ne!(next.head.etag(), tail.head.etag());
    assert!(server.stop().success());
    assert_eq!(next.end(), &End::Complete("shutdown".into()));
}

#[test]
fn on_x86_64() {
    try_out("x86_64", &["qemu-x86_64-static", "qemu-x86_64"]);
}

#[test]
fn on_aarch64() {
    try_out("aarch64", &["qemu-aarch64-static", "qemu-aarch64"]);
}

#[test]
fn on_armv7() {
    try_out("armv7", &["qemu-arm-static", "qemu-arm"]);
}

/// Bytes. The largest binary, that for x86-64, has 1,433,512: there is room for small changes, and none for one that nobody
/// weighs. tests/bench/README.md says what each feature takes.
const SIZE_MAX: usize = 22 << 16;

#[test]
fn they_need_nothing_but_the_kernel() {
    for architecture in ["x86_64", "aarch64", "armv7"] {
        let Some(binary) = binary(architecture) else {
            continue;
        };
        let bytes = fs::read(binary).expect("a binary");
        // A program that needs a dynamic loader names it (PT_INTERP).
        let loader = bytes.windows(4).any(|four| four == b"/ld-");
        assert!(!loader, "{architecture} names a dynamic loader");
        assert!(
            bytes.len() < SIZE_MAX,
            "{architecture} has {} bytes",
            bytes.len()
        );
    }
}
