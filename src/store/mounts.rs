//! The mounts of this process (proc_pid_mountinfo(5)): which kind of FUSE file system a file is on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its type and subtype, as in `fuse.glusterfs`.
    pub file_system: String,
    /// What is mounted.
    pub source: String,
}

impl Mount {
    /// The kind of a FUSE file system. Some, MooseFS among them, put it before what is mounted, with a number sign between them
    /// (`mfs#host:port`), as libfuse does for kernels without subtypes; the list has that sign as `\043`.
    #[must_use]
    pub fn fuse_kind(&self) -> Option<&str> {
        match self.file_system.strip_prefix("fuse") {
            Some("") => ["#", "\\043"]
                .iter()
                .find_map(|sign| Some(self.source.split_once(sign)?.0)),
            Some(kind) => kind.strip_prefix('.'),
            None => None,
        }
    }
}

/// The list stays open, because the sandbox lets nobody open it again.
static LIST: OnceLock<Option<File>> = OnceLock::new();

/// Most bytes of the list that are read: some thousand mounts.
const LIST_MAX: u64 = 1 << 20;

/// Opens the list of mounts. To be called before the process gives up its access to files.
pub fn prepare() {
    LIST.get_or_init(|| File::open("/proc/self/mountinfo").ok());
}

/// The mount with this number (`stx_mnt_id`). The list is read each time: mounts come and go, and only files on FUSE need it.
pub(super) fn find(id: u64) -> Option<Mount> {
    prepare();
    let list = LIST.get()?.as_ref()?;
    let mut text = Vec::new();
    let mut piece = [0; 16 * 1024];
    while (text.len() as u64) < LIST_MAX {
        match list.read_at(&mut piece, text.len() as u64).ok()? {
            0 => break,
            count => text.extend_from_slice(&piece[..count]),
        }
    }
    parse(&String::from_utf8_lossy(&text), id)
}

/// Finds a mount in the text of a list.
#[must_use]
pub fn parse(list: &str, id: u64) -> Option<Mount> {
    let id = id.to_string();
    let line = list
        .lines()
        .find(|line| line.split(' ').next() == Some(&id))?;
    // Optional fields end with a hyphen.
    let mut fields = line.split_once(" - ")?.1.split(' ');
    Some(Mount {
        file_system: fields.next()?.to_owned(),
        source: fields.next()?.to_owned(),
    })
}
