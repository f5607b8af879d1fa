//! Directories for a run, and files whose every byte is known.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that is removed when this is dropped. `root` is what a server serves, beside it are its own files.
pub struct Site(PathBuf);

impl Site {
    pub fn new() -> Site {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("openrange-bench-{}-{count}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(path.join("root")).expect("a new directory");
        // Also for a server that becomes another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        Site(path)
    }

    /// A file that is not served.
    pub fn own(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Empty files to append to: `topic0`, `topic1` and so on.
    pub fn with_topics(self, count: usize) -> Site {
        for number in 0..count {
            File::create(self.file(&topic(number))).expect("a file");
        }
        self
    }

    /// A file of so many bytes of [`content`].
    pub fn with_file(self, name: &str, length: u64) -> Site {
        content::write(&self.file(name), length).expect("a file");
        self
    }

    pub fn appender(&self, name: &str) -> File {
        let path = self.file(name);
        let mut options = OpenOptions::new();
        options.append(true).open(path).expect("a file")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The name of a topic, which is that of its file.
pub fn topic(number: usize) -> String {
    format!("topic{number}")
}

/// Adds one record: its number in the first bytes, the rest depends on it, a line feed at the end.
pub fn record(number: u64, size: usize, out: &mut Vec<u8>) {
    let end = out.len() + size;
    write!(out, "{number:016x} ").expect("memory");
    #[allow(clippy::cast_possible_truncation, reason = "below 26")]
    out.resize(end - 1, b'a' + (number % 26) as u8);
    out.push(b'\n');
}

/// Long contents that need not be held in memory to be checked: pages that begin with their number and go on with the
/// same noise.
pub mod content {
    use super::{BufWriter, File, Path, Write, io};

    const PAGE: usize = 4096;
    const NUMBER: usize = 17;

    const NOISE: [u8; PAGE] = {
        let mut noise = [b'\n'; PAGE];
        let (mut i, mut state) = (0, 1u32);
        while i < PAGE {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Printable, so that no server takes it for binary.
            noise[i] = b'!' + ((state >> 24) % 90) as u8;
            i += 1;
        }
        noise
    };

    fn number(page: u64) -> [u8; NUMBER] {
        // Not by format!, which would be a tenth of what a download costs its client.
        std::array::from_fn(|i| match i {
            0..16 => b"0123456789abcdef"[(page >> (60 - 4 * i)) as usize & 15],
            _ => b' ',
        })
    }

    pub fn write(path: &Path, length: u64) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let mut left = length;
        for page in 0.. {
            let mut bytes = NOISE;
            bytes[..NUMBER].copy_from_slice(&number(page));
            let now = usize::try_from(left).unwrap_or(PAGE).min(PAGE);
            file.write_all(&bytes[..now])?;
            left -= now as u64;
            if left == 0 {
                break;
            }
        }
        file.flush()
    }

    /// Whether these are the bytes at that offset.
    pub fn is(mut at: u64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            #[allow(clippy::cast_possible_truncation, reason = "below 4096")]
            let inside = (at % PAGE as u64) as usize;
            let (now, rest) = bytes.split_at(bytes.len().min(PAGE - inside));
            let digits = NUMBER.saturating_sub(inside).min(now.len());
            let expected = number(at / PAGE as u64);
            if now[..digits] != expected[inside.min(NUMBER)..][..digits]
                || now[digits..] != NOISE[inside + digits..][..now.len() - digits]
            {
                return false;
            }
            at += now.len() as u64;
            bytes = rest;
        }
        true
    }
}
