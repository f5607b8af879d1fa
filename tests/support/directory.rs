//! Directories that a server serves, and what publishers do in them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// A directory of one test alone, which is removed with everything in it.
pub struct TempDir(PathBuf);

impl TempDir {
    /// In the directory for temporary files.
    pub fn new() -> TempDir {
        TempDir::below(&std::env::temp_dir())
    }

    /// In memory, where the machine has a place for that: for thousands of short-lived ones, or of entries.
    pub fn in_memory() -> TempDir {
        let memory = Path::new("/dev/shm");
        let usable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
        match usable {
            true => TempDir::below(memory),
            false => TempDir::new(),
        }
    }

    /// Below another directory, for example on another file system.
    pub fn below(parent: &Path) -> TempDir {
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
        TempDir(path)
    }

    /// With one file in it.
    pub fn with(name: &str, contents: impl AsRef<[u8]>) -> TempDir {
        let dir = TempDir::new();
        dir.write(name, contents);
        dir
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.join(name), contents).expect("write");
    }

    /// One write(2).
    pub fn append(&self, name: &str, contents: impl AsRef<[u8]>) {
        let mut file = self.open(name);
        let count = file.write(contents.as_ref()).expect("append");
        assert_eq!(count, contents.as_ref().len(), "a regular file takes all");
    }

    /// To a file that is not there yet.
    pub fn append_new(&self, name: &str, contents: impl AsRef<[u8]>) {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(self.join(name));
        file.and_then(|mut file| file.write_all(contents.as_ref()))
            .expect("a new file");
    }

    /// For appending.
    pub fn open(&self, name: &str) -> File {
        OpenOptions::new()
            .append(true)
            .open(self.join(name))
            .expect("open for appending")
    }

    pub fn resize(&self, name: &str, size: u64) {
        let file = OpenOptions::new().write(true).open(self.join(name));
        file.and_then(|file| file.set_len(size)).expect("set_len");
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.join(from), self.join(to)).expect("rename");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.join(name)).expect("unlink");
    }

    pub fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.join(name)).expect("mkdir");
    }

    pub fn symlink(&self, target: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(target, self.join(name)).expect("symlink");
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.join(name), fs::Permissions::from_mode(mode)).expect("chmod");
    }

    /// Sets the modification time to so many seconds before now.
    pub fn touch(&self, name: &str, age: Duration) {
        let file = File::open(self.join(name));
        file.and_then(|file| file.set_modified(SystemTime::now() - age))
            .expect("utimensat");
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Appends to a file anywhere, or makes it.
pub fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("a file to append to");
    file.write_all(bytes).expect("an append");
}

/// Bytes of which every stretch tells where it is from.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}
