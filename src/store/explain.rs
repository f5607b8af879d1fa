//! Why a name is refused, for the log: clients learn only that it is.

use std::fmt::Write;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Access, AtFlags, FileType, Mode, Statx, accessat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

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
            return Some("this process may not search a directory on the way".into());
        }
        Err(Errno::NOENT) => return dangling_link(files, name),
        Ok(_) | Err(_) => return None,
    };
    let stat = stat(place.as_fd()).ok()?;
    let kind = match file_type(&stat) {
        FileType::RegularFile => "the file",
        FileType::Directory => "the directory",
        FileType::Fifo => return Some("it is a FIFO".into()),
        FileType::Socket => return Some("it is a socket".into()),
        _ => return Some("it is a device".into()),
    };
    let permissions = permissions(&stat);
    Some(format!(
        "{kind} has {permissions}: this process may not read it"
    ))
}

/// Says so if a name leads to nothing because a symbolic link does.
fn dangling_link(files: &Files, name: &[u8]) -> Option<String> {
    let slashes = name.iter().enumerate();
    let slashes = slashes.filter_map(|(at, &byte)| (byte == b'/').then_some(at));
    let mut begin = 0;
    for end in slashes.chain([name.len()]) {
        if files.resolve(&name[..end]).is_err() {
            let directory = files.resolve(&name[..begin.max(1) - 1]).ok()?;
            let last = statat(&directory, &name[begin..end], AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let is_link = FileType::from_raw_mode(last.st_mode) == FileType::Symlink;
            return is_link.then(|| "a symbolic link leads to nothing".into());
        }
        begin = end + 1;
    }
    None
}

/// Why the file system does not permit a write to a name: who may, and who this process is.
#[must_use]
pub fn denial(files: &Files, path: &Path, error: &std::io::Error) -> String {
    let slash = path.name.iter().rposition(|&byte| byte == b'/');
    let directory = &path.name[..slash.unwrap_or(0)];
    let mut why = format!("{error}; this process has uid {}", geteuid().as_raw());
    for (kind, name) in [("the file", &*path.name), ("its directory", directory)] {
        let place = files.resolve(name);
        if let Ok(stat) = place.and_then(|place| stat(place.as_fd())) {
            let _ = write!(why, ", {kind} has {}", permissions(&stat));
        }
    }
    why
}

/// Why this process cannot make files in a directory. `None`: it can.
#[must_use]
pub fn unwritable(directory: BorrowedFd<'_>) -> Option<String> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    let error = accessat(directory, ".", access, AtFlags::EACCESS).err()?;
    let mut why = format!("{error}; this process has uid {}", geteuid().as_raw());
    if let Ok(stat) = stat(directory) {
        let _ = write!(why, ", the directory has {}", permissions(&stat));
    }
    Some(why)
}

fn file_type(stat: &Statx) -> FileType {
    FileType::from_raw_mode(stat.stx_mode.into())
}

fn permissions(stat: &Statx) -> String {
    let bits = Mode::from_raw_mode(stat.stx_mode.into()).bits() & 0o7777;
    let (owner, group) = (stat.stx_uid, stat.stx_gid);
    format!("mode {bits:04o}, owner {owner}, group {group}")
}
