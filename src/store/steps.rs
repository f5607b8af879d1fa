//! A name resolved component by component, for kernels without openat2 and for links that leave the root and come back.
//!
//! Whatever others rename meanwhile, what it finds is below the root: `..` goes back to a directory of this walk, and a
//! walk that has left the root is inside again only when it comes to the root itself. Outside it opens directories only
//! to look further (O_PATH), and the client learns nothing of them.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file::identify;
use crate::limits::SYMLINKS_MAX;

/// Where the walk is.
enum Place {
    /// Below the root, behind these directories.
    Inside(Vec<OwnedFd>),
    /// In a directory that is not below it, as far as is known.
    Outside(OwnedFd),
}

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Resolves a name below the root. `may_leave`: links may leave the root if they end inside it. `visit` sees each directory
/// inside with the entry in it that is looked up next.
///
/// # Errors
/// ENOENT and its kin; EXDEV if the name leads out of the root; EACCES, EMFILE, EIO.
pub(super) fn walk(
    root: &OwnedFd,
    name: &[u8],
    may_leave: bool,
    mut visit: impl FnMut(BorrowedFd<'_>, &[u8]),
) -> Result<OwnedFd, Errno> {
    let mut place = Place::Inside(Vec::new());
    let mut pending: VecDeque<Vec<u8>> = components(name);
    let mut links = 0;
    while let Some(component) = pending.pop_front() {
        if component == b".." {
            place = up(root, place, may_leave)?;
            continue;
        }
        let directory = match &place {
            Place::Inside(way) => way.last().unwrap_or(root).as_fd(),
            Place::Outside(directory) => directory.as_fd(),
        };
        let inside = matches!(place, Place::Inside(_));
        if inside {
            visit(directory, &component);
        }
        let looked = rustix::fs::openat(directory, component.as_slice(), LOOK, Mode::empty());
        let fd = looked.map_err(|error| if inside { error } else { hidden(error) })?;
        match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
            FileType::Symlink => {
                links += 1;
                if links > SYMLINKS_MAX {
                    return Err(Errno::LOOP);
                }
                let target = rustix::fs::readlinkat(&fd, "", Vec::new())?.into_bytes();
                if target.starts_with(b"/") {
                    if !may_leave {
                        return Err(Errno::XDEV);
                    }
                    place = outside(root, rustix::fs::openat(CWD, "/", LOOK, Mode::empty())?)?;
                }
                for component in components(&target).into_iter().rev() {
                    pending.push_front(component);
                }
            }
            FileType::Directory => {
                place = match place {
                    Place::Inside(mut way) => {
                        way.push(fd);
                        Place::Inside(way)
                    }
                    Place::Outside(_) => outside(root, fd)?,
                }
            }
            _ if inside && pending.is_empty() => return Ok(fd),
            _ if inside => return Err(Errno::NOTDIR),
            _ => return Err(Errno::XDEV),
        }
    }
    match place {
        Place::Inside(mut way) => way
            .pop()
            .map_or_else(|| rustix::io::fcntl_dupfd_cloexec(root, 0), Ok),
        Place::Outside(_) => Err(Errno::XDEV),
    }
}

/// The directory above.
fn up(root: &OwnedFd, place: Place, may_leave: bool) -> Result<Place, Errno> {
    let above = |directory: BorrowedFd<'_>| {
        let fd = rustix::fs::openat(directory, "..", LOOK, Mode::empty()).map_err(hidden)?;
        outside(root, fd)
    };
    match place {
        Place::Inside(mut way) => match way.pop() {
            Some(_) => Ok(Place::Inside(way)),
            None if may_leave => above(root.as_fd()),
            None => Err(Errno::XDEV),
        },
        Place::Outside(directory) => above(directory.as_fd()),
    }
}

/// A directory to which the walk comes from outside: the walk is inside again if that is the root.
fn outside(root: &OwnedFd, directory: OwnedFd) -> Result<Place, Errno> {
    if identify(root.as_fd())? == identify(directory.as_fd())? {
        Ok(Place::Inside(Vec::new()))
    } else {
        Ok(Place::Outside(directory))
    }
}

/// What the client learns of a failure outside the root: nothing, unless it is the server's own.
fn hidden(error: Errno) -> Errno {
    match error {
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => error,
        _ => Errno::XDEV,
    }
}

fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(<[u8]>::to_vec)
        .collect()
}
