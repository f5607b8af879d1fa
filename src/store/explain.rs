//! Why a name is refused, for the log: clients learn only that it is.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::attributes::stat;
use super::root::Files;
use crate::http::target::Path;

/// Looks once more at a name that led to nothing, or to what may not be read. `None`: that needs no reason.
#[must_use]
pub fn refusal(files: &Files, path: &Path, forbidden: bool) -> Option<String> {
    let index = path.entry(b"index.html").name;
    if forbidden && path.slash && files.resolve(&index).is_ok() {
        return refusal_of_name(files, &index, true);
    }
    refusal_of_name(files, &path.name, forbidden)
}

fn refusal_of_name(files: &Files, name: &[u8], forbidden: bool) -> Option<String> {
    let place = match files.resolve(name) {
        Ok(place) if forbidden => place,
        Err(Errno::XDEV) => return Some("a symbolic link leads out of ROOT".into()),
        Err(Errno::LOOP) => return Some("too many symbolic links".into()),
        Err(Errno::ACCESS | Errno::PERM) => {
            return Some("a directory on the way may not be searched".into());
        }
        Ok(_) | Err(_) => return None,
    };
    let stat = stat(place.as_fd()).ok()?;
    let mode = u32::from(stat.stx_mode);
    let kind = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => "the file",
        FileType::Directory => "the directory",
        FileType::Fifo => return Some("it is a FIFO".into()),
        FileType::Socket => return Some("it is a socket".into()),
        _ => return Some("it is a device".into()),
    };
    let bits = Mode::from_raw_mode(mode).bits() & 0o7777;
    let (owner, group) = (stat.stx_uid, stat.stx_gid);
    Some(format!(
        "{kind} has mode {bits:04o}, owner {owner}, group {group}: this process may not read it"
    ))
}
