//! Temporary files of a server that was killed: found by their names and removed at the start.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use log::{info, warn};
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::redo::{self, NOTE};
use super::replace::{TEMPORARY, TEMPORARY_DIGITS};
use super::root::Files;
use crate::limits::LEFTOVERS_ENTRIES_MAX;

/// Removes what is left below a directory. Symbolic links are not followed, and what another server is writing stays.
pub fn remove(files: &Files) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut entries = LEFTOVERS_ENTRIES_MAX;
    let mut count = 0;
    let root = rustix::fs::openat(files.directory(), ".", flags, Mode::empty());
    let mut pending: Vec<OwnedFd> = root.into_iter().collect();
    while let Some(directory) = pending.pop() {
        let Ok(listing) = Dir::read_from(&directory) else {
            continue;
        };
        for entry in listing.flatten() {
            if entries == 0 {
                warn!("could not search all directories for temporary files of an earlier server");
                return;
            }
            entries -= 1;
            let name = entry.file_name().to_bytes();
            match entry.file_type() {
                FileType::Directory if !matches!(name, b"." | b"..") => {
                    let flags = flags | OFlags::NOFOLLOW;
                    let open = rustix::fs::openat(&directory, name, flags, Mode::empty());
                    // Each directory that waits has a descriptor, and a broad tree has many of them.
                    if pending.len() < DIRECTORIES_MAX {
                        pending.extend(open);
                    }
                }
                FileType::RegularFile | FileType::Unknown if is_temporary(name) => {
                    count += u32::from(remove_unused(directory.as_fd(), name) == Ok(true));
                }
                FileType::RegularFile | FileType::Unknown if has_digits(name, NOTE) => {
                    complete(directory.as_fd(), name);
                }
                _ => {}
            }
        }
    }
    if count > 0 {
        info!("removed {count} temporary files of an earlier server");
    }
}

/// Completes the records that a server has noted in this directory before it was killed.
pub fn complete_records(directory: BorrowedFd<'_>) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = rustix::fs::openat(directory, ".", flags, Mode::empty()) else {
        return;
    };
    let entries = Dir::read_from(&directory).into_iter().flatten().flatten();
    for entry in entries.take(LEFTOVERS_ENTRIES_MAX) {
        let name = entry.file_name().to_bytes();
        if has_digits(name, NOTE) {
            complete(directory.as_fd(), name);
        }
    }
}

/// Directories that wait to be searched, each with a descriptor.
const DIRECTORIES_MAX: usize = 256;

/// Whether only this server can have made a file of this name.
#[must_use]
pub fn is_temporary(name: &[u8]) -> bool {
    has_digits(name, TEMPORARY)
}

fn has_digits(name: &[u8], prefix: &[u8]) -> bool {
    name.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == TEMPORARY_DIGITS && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// Completes the record that a server has noted before it was killed.
fn complete(directory: BorrowedFd<'_>, note: &[u8]) {
    match redo::complete(directory, note) {
        Ok(None) => return,
        Ok(Some(0)) => {}
        Ok(Some(count)) => {
            info!(
                "completed a record that an earlier server could not finish: {count} bytes were missing"
            )
        }
        Err(error) => {
            warn!("cannot complete a record that an earlier server could not finish: {error}")
        }
    }
    let _ = rustix::fs::unlinkat(directory, note, AtFlags::empty());
}

fn remove_unused(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        _ => rustix::fs::unlinkat(directory, name, AtFlags::empty()).map(|()| true),
    }
}
