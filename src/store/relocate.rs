//! Giving a file another name, and taking its name away.

use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::file::OpenFile;
use super::place::{Place, Stop, failure, lock};
use super::replace::Terms;
use crate::receipt::{Receipt, WriteFailure};

/// How often a name may change hands while it is looked up.
const TRIES: u32 = 8;

/// Removes the name of a file.
///
/// # Errors
/// [`Stop`]; then nothing has changed.
pub fn delete(place: &Place, terms: &Terms<'_>) -> Result<(Receipt, Rc<OpenFile>), Stop> {
    let file = find(place, terms)?;
    let flags = AtFlags::empty();
    let removed = rustix::fs::unlinkat(place.directory(), place.last(), flags);
    removed.map_err(failure)?;
    Ok((receipt(&file, false)?, file))
}

/// Gives a file the name `to`, in place of the file that has it if `overwrite`.
///
/// # Errors
/// [`Stop`]; then nothing has changed.
pub fn rename(
    from: &Place,
    to: &Place,
    terms: &Terms<'_>,
    overwrite: bool,
) -> Result<(Receipt, Rc<OpenFile>), Stop> {
    let file = find(from, terms)?;
    let replaced = to.file()?;
    match &replaced {
        // rename(2) does nothing between two names of one file.
        Some(other) if other.id() == file.id() => return Err(WriteFailure::Forbidden.into()),
        Some(_) if !overwrite => return Err(WriteFailure::Unmatched.into()),
        _ => {}
    }
    let (old, new) = (from.directory(), to.directory());
    let plainly = || rustix::fs::renameat(old, from.last(), new, to.last());
    let result = match overwrite {
        true => plainly(),
        false => {
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(old, from.last(), new, to.last(), flags) {
                // Where the file system cannot do that, a file that is created in this moment is replaced.
                Err(Errno::INVAL | Errno::NOSYS) => plainly(),
                result => result,
            }
        }
    };
    match result {
        Ok(()) => Ok((receipt(&file, replaced.is_none())?, file)),
        Err(Errno::EXIST) => Err(WriteFailure::Unmatched.into()),
        Err(error) => Err(failure(error).into()),
    }
}

/// The file that has the name, locked.
fn find(place: &Place, terms: &Terms<'_>) -> Result<Rc<OpenFile>, Stop> {
    for _ in 0..TRIES {
        let file = place.file()?.ok_or(WriteFailure::Missing)?;
        lock(file.as_fd())?;
        if place.leads_to(&file) {
            terms.check(Some(&file))?;
            return Ok(file);
        }
    }
    Err(WriteFailure::Busy.into())
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
