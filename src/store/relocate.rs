//! Giving a file another name, and taking its name away.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::file::OpenFile;
use super::place::{Place, Stop, failure, lock};
use super::replace::Terms;
use crate::receipt::{Receipt, WriteFailure};

/// Removes the name of a file.
///
/// # Errors
/// [`Stop`]; then nothing has changed.
pub fn delete(place: &Place, terms: &Terms<'_>) -> Result<Receipt, Stop> {
    let file = find(place)?;
    let _lock = lock(file.as_fd())?;
    check(place, &file, terms)?;
    let receipt = receipt(&file, false)?;
    let flags = AtFlags::empty();
    let removed = rustix::fs::unlinkat(place.directory(), place.last(), flags);
    removed.map_err(failure)?;
    Ok(receipt)
}

/// Gives a file the name `to`, in place of the file that has it if `overwrite`. Returns the file too if it is to be put on disk
/// (`durable`).
///
/// # Errors
/// [`Stop`]; then nothing has changed.
pub fn rename(
    from: &Place,
    to: &Place,
    terms: &Terms<'_>,
    overwrite: bool,
    durable: bool,
) -> Result<(Receipt, Option<Arc<OwnedFd>>), Stop> {
    let file = find(from)?;
    let _lock = lock(file.as_fd())?;
    check(from, &file, terms)?;
    let replaced = match to.file() {
        // RFC 4918 section 9.9.4: whatever has the name.
        Ok(Some(_)) | Err(WriteFailure::Directory) if !overwrite => {
            return Err(WriteFailure::Unmatched.into());
        }
        // rename(2) does nothing between two names of one file.
        Ok(Some(other)) if other.id() == file.id() => return Err(WriteFailure::SameFile.into()),
        replaced => replaced?,
    };
    // Whatever can fail does so before the file is renamed.
    let duplicate = || rustix::io::fcntl_dupfd_cloexec(&*file, 0).map(Arc::new);
    let kept = durable.then(duplicate).transpose().map_err(failure)?;
    let receipt = receipt(&file, replaced.is_none())?;
    match rename_entry(from, to, overwrite) {
        Ok(()) => Ok((receipt, kept)),
        Err(Errno::EXIST) => Err(WriteFailure::Unmatched.into()),
        Err(error) => Err(failure(error).into()),
    }
}

fn rename_entry(from: &Place, to: &Place, overwrite: bool) -> Result<(), Errno> {
    let (old, new) = (from.directory(), to.directory());
    let plainly = || rustix::fs::renameat(old, from.last(), new, to.last());
    if overwrite {
        return plainly();
    }
    let flags = RenameFlags::NOREPLACE;
    match rustix::fs::renameat_with(old, from.last(), new, to.last(), flags) {
        // Where the file system cannot do that, a file that is created in this moment is replaced.
        Err(Errno::INVAL | Errno::NOSYS) => plainly(),
        result => result,
    }
}

fn find(place: &Place) -> Result<Rc<OpenFile>, WriteFailure> {
    place.file()?.ok_or(WriteFailure::Missing)
}

/// Whether a file, which is locked, still has the name and is what the client expects.
fn check(place: &Place, file: &OpenFile, terms: &Terms<'_>) -> Result<(), Stop> {
    if !place.leads_to(file)? {
        // Another file has taken its name since: the next try finds that one.
        return Err(Stop::Locked);
    }
    Ok(terms.check(Some(file))?)
}

fn receipt(file: &OpenFile, created: bool) -> Result<Receipt, WriteFailure> {
    let stat = file.stat().map_err(failure)?;
    Ok(Receipt {
        created,
        etag: file.tag(),
        size: stat.size,
        sealed: stat.sealed,
    })
}
