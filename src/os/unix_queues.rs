//! How many bytes the other end of a unix socket has not read yet, to the byte, as the kernel tells (sock_diag(7)).
//!
//! SIOCOUTQ on a unix socket counts whole buffers of the kernel, so a client that reads slowly but steadily out of a
//! large one seems to take nothing. The queue of the other end tells; with ioctl(2) only its owner could ask for that.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

/// SOCK_DIAG_BY_FAMILY of linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// NLM_F_REQUEST of linux/netlink.h.
const REQUEST: u16 = 1;
/// UDIAG_SHOW_PEER and UDIAG_SHOW_RQLEN of linux/unix_diag.h.
const SHOW_PEER: u32 = 0x04;
const SHOW_QUEUE: u32 = 0x10;
/// UNIX_DIAG_PEER and UNIX_DIAG_RQLEN.
const PEER: u16 = 2;
const QUEUE: u16 = 4;
/// Lengths of `struct nlmsghdr` and `struct unix_diag_msg`.
const HEADER: usize = 16;
const MESSAGE: usize = 16;
/// A request: the header, then `struct unix_diag_req`.
const REQUEST_LENGTH: usize = HEADER + 24;

/// The socket by which the kernel is asked.
#[derive(Debug)]
pub struct UnixQueues(Mutex<OwnedFd>);

impl UnixQueues {
    /// Opens that socket. This comes before the filter that forbids new sockets.
    ///
    /// # Errors
    /// EAFNOSUPPORT, EPROTONOSUPPORT: the kernel has no such questions.
    pub fn open() -> io::Result<UnixQueues> {
        let socket = net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::SOCK_DIAG),
        )?;
        Ok(UnixQueues(Mutex::new(socket)))
    }

    /// Bytes that the peer of this socket has not read. `None`: the kernel does not tell, or the peer is in another network
    /// namespace.
    #[must_use]
    pub fn unread_by_peer(&self, socket: impl AsFd) -> Option<u32> {
        let own = rustix::fs::fstat(socket).ok()?.st_ino;
        let peer = self.ask(u32::try_from(own).ok()?, SHOW_PEER, PEER)?;
        self.ask(peer, SHOW_QUEUE, QUEUE)
    }

    /// The first number of an attribute of the socket with this inode number.
    fn ask(&self, inode: u32, show: u32, attribute: u16) -> Option<u32> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = request(inode, show);
        net::send(&*socket, &request, SendFlags::NOSIGNAL).ok()?;
        // The kernel has answered when `send` returns.
        let mut answer = [0; 256];
        let (count, _) = net::recv(&*socket, &mut answer, RecvFlags::empty()).ok()?;
        find(&answer[..count.min(answer.len())], attribute)
    }
}

fn request(inode: u32, show: u32) -> [u8; REQUEST_LENGTH] {
    let mut bytes = [0; REQUEST_LENGTH];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    // Length, type, flags, sequence number, port.
    put(&u32::try_from(REQUEST_LENGTH)
        .unwrap_or_default()
        .to_ne_bytes());
    put(&BY_FAMILY.to_ne_bytes());
    put(&REQUEST.to_ne_bytes());
    put(&[0; 8]);
    // Family, protocol, padding; states, inode number, what to show; any cookie.
    put(&AddressFamily::UNIX.as_raw().to_le_bytes()[..1]);
    put(&[0; 3]);
    put(&u32::MAX.to_ne_bytes());
    put(&inode.to_ne_bytes());
    put(&show.to_ne_bytes());
    put(&[0xff; 8]);
    bytes
}

/// The first number of an attribute in an answer.
fn find(answer: &[u8], attribute: u16) -> Option<u32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let mut rest = answer
        .get(HEADER + MESSAGE..)
        .filter(|_| kind == BY_FAMILY)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        if kind == attribute {
            return Some(u32::from_ne_bytes(rest.get(4..8)?.try_into().ok()?));
        }
        // Each begins at a multiple of four.
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}
