//! Unix sockets that have a name in the file system. Each takes the place of a socket that an earlier server has left,
//! has the permission bits of the option, and is removed at the end.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::limits::{SOCKET_LOCK_PATIENCE, SOCKET_LOCK_PAUSE};

/// Makes a socket of this kind with this name.
///
/// # Errors
/// EADDRINUSE: somebody has it; EACCES and the like.
pub(super) fn bind(
    kind: SocketType,
    path: &Path,
    mode: Option<u32>,
) -> io::Result<(OwnedFd, SocketFile)> {
    let name = SocketAddrUnix::new(path)?;
    let fd = socket(kind)?;
    // If several servers start together, only one at a time looks at a stale socket.
    let _locked = lock_directory(path);
    match bind_with_mode(&fd, &name, mode) {
        Err(Errno::ADDRINUSE) => {
            remove_stale(kind, path, &name)?;
            bind_with_mode(&fd, &name, mode)?;
        }
        other => other?,
    }
    let file = SocketFile::of(path, mode)?;
    Ok((fd, file))
}

fn socket(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

/// Makes the socket file with these permission bits. It sets the umask, because chmod(2) would follow a link that
/// somebody else has put there meanwhile. No other thread meets that umask: the process still has only one.
fn bind_with_mode(fd: &OwnedFd, name: &SocketAddrUnix, mode: Option<u32>) -> Result<(), Errno> {
    let Some(mode) = mode else {
        return net::bind(fd, name);
    };
    let before = rustix::process::umask(Mode::from_raw_mode(!mode & 0o777));
    let result = net::bind(fd, name);
    rustix::process::umask(before);
    result
}

/// Locks the directory of a path against others who do the same, as long as the descriptor lives. `None`: this process
/// cannot read it, or somebody else keeps it locked, as anybody can who may open it. Then there is no lock.
fn lock_directory(path: &Path) -> Option<OwnedFd> {
    let directory = path
        .parent()
        .filter(|parent| *parent != Path::new(""))
        .unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(directory, flags, Mode::empty()).ok()?;
    let end = Instant::now() + SOCKET_LOCK_PATIENCE;
    loop {
        match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(fd),
            Err(Errno::AGAIN | Errno::INTR) if Instant::now() < end => {
                thread::sleep(SOCKET_LOCK_PAUSE);
            }
            Err(Errno::AGAIN) => {
                log::warn!(
                    "another process keeps {} locked: starting without that lock",
                    directory.display()
                );
                return None;
            }
            Err(_) => return None,
        }
    }
}

/// Removes the socket of a server that is gone. Anything else stays: it belongs to somebody.
fn remove_stale(kind: SocketType, path: &Path, name: &SocketAddrUnix) -> io::Result<()> {
    if !path.symlink_metadata()?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it is there, but is not a socket",
        ));
    }
    // Without waiting: a server whose queue is full says EAGAIN, and lives.
    match net::connect(&socket(kind)?, name) {
        Err(Errno::CONNREFUSED) => std::fs::remove_file(path),
        // EPROTOTYPE: the socket that lives there is of another kind.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "a server is listening there",
        )),
        Err(error) => Err(error.into()),
    }
}

/// A socket file that this process made.
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The socket file that this process has just made there. A default access list of the directory may have taken
    /// bits from the wanted mode: then this sets it, by a descriptor of this very file.
    fn of(path: &Path, mode: Option<u32>) -> io::Result<SocketFile> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
            return Err(io::Error::other("another process has replaced the socket"));
        }
        if let Some(mode) = mode.filter(|mode| stat.st_mode & 0o777 != *mode) {
            let place = format!("/proc/self/fd/{}", fd.as_raw_fd());
            rustix::fs::chmod(place, Mode::from_raw_mode(mode))?;
        }
        #[allow(
            clippy::unnecessary_cast,
            reason = "the types differ between architectures"
        )]
        Ok(SocketFile {
            path: path.into(),
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        })
    }
}

fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = path.symlink_metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have replaced it meanwhile.
        if device_and_inode(&self.path).is_ok_and(|now| now == (self.device, self.inode)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
