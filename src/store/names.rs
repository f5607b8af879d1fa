//! Names that other machines change: how the kernel is made to ask for them anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::fs::{Dir, Mode, OFlags};

use super::attributes::fresh;
use super::file::Id;
use super::file_system::FileSystem;
use crate::limits::{ENTRIES_MAX, NAMES_PAUSE, NAMES_PAUSE_FACTOR, NAMES_REMEMBERED_MAX};

/// Which directories were read, and when each may be read again.
#[derive(Debug, Default, Clone)]
pub(super) struct Names(RefCell<HashMap<Id, Instant>>);

impl Names {
    /// Has what the kernel knows of a directory, and of the names in it, asked for anew, if other machines may have changed
    /// it.
    ///
    /// NFS trusts names for as long as the attributes of their directory are the same, so it is enough to ask for these. With
    /// FUSE, whoever looks at an open file again and again keeps what its server knows of it fresh, and with it the name that
    /// the file had: in GlusterFS a rename was not seen for 8 s and more. To read the directory makes names true again, but
    /// costs more, so that is done now and then.
    pub(super) fn refresh(&self, directory: BorrowedFd<'_>) {
        let system = FileSystem::of(directory);
        if !system.is_remote() {
            return;
        }
        let Ok(stat) = fresh(directory) else {
            return;
        };
        if system != FileSystem::FUSE {
            return;
        }
        let (id, now) = (Id::of(&stat), Instant::now());
        let mut next = self.0.borrow_mut();
        if next.get(&id).is_some_and(|next| *next > now) {
            return;
        }
        if next.len() >= NAMES_REMEMBERED_MAX {
            next.clear();
        }
        read(directory);
        let pause = NAMES_PAUSE.max(now.elapsed() * NAMES_PAUSE_FACTOR);
        next.insert(id, now + pause);
    }

    /// Something is said to have happened: names are asked for anew whenever that was done last.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

fn read(directory: BorrowedFd<'_>) {
    // The descriptor to look names up with cannot itself be read.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty());
    if let Ok(mut entries) = readable.and_then(Dir::new) {
        for _ in 0..ENTRIES_MAX {
            if !matches!(entries.next(), Some(Ok(_))) {
                return;
            }
        }
    }
}
