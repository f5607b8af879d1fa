//! Sockets that receive datagrams: UDP, and unix sockets of that kind.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

use super::socket_file::{self, SocketFile};
use super::sockets::Address;
use super::sys;
use crate::limits::INTAKE_RECEIVE_BUFFER;

/// A bound socket.
pub struct Datagrams(OwnedFd);

/// The file of a unix socket, removed when this is dropped.
pub struct Guard(#[allow(dead_code, reason = "it acts when it is dropped")] Option<SocketFile>);

/// Binds an address. Returns it with the port that the kernel chose.
///
/// # Errors
/// EADDRINUSE, EACCES and the like.
pub fn bind(address: &Address) -> io::Result<(Datagrams, Address, Guard)> {
    match address {
        Address::Tcp(address) => {
            let fd = udp_socket(address)?;
            let address = SocketAddr::try_from(net::getsockname(&fd)?)?;
            Ok((Datagrams(fd), Address::Tcp(address), Guard(None)))
        }
        Address::Unix { path, mode } => {
            let (fd, file) = socket_file::bind(SocketType::DGRAM, path, *mode)?;
            Ok((Datagrams(fd), address.clone(), Guard(Some(file))))
        }
    }
}

fn udp_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = net::socket_with(family, SocketType::DGRAM, flags, None)?;
    // As much of it as net.core.rmem_max allows.
    let _ = sockopt::set_socket_recv_buffer_size(&fd, INTAKE_RECEIVE_BUFFER);
    net::bind(&fd, address)?;
    Ok(fd)
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Datagrams {
    /// Receives the next datagram after what `into` has, as far as its capacity goes. Returns the length that the
    /// datagram had.
    ///
    /// # Errors
    /// EAGAIN: there is none.
    pub fn receive(&self, into: &mut Vec<u8>) -> Result<usize, Errno> {
        loop {
            // With this flag recv(2) returns the length of the whole datagram.
            let space = rustix::buffer::spare_capacity(into);
            match net::recv(&self.0, space, RecvFlags::TRUNC) {
                Ok((_, length)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many datagrams the kernel has dropped since the socket was made, because its buffer was full.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        // Kernels before 4.12 do not tell.
        sys::dropped(&self.0).unwrap_or(0)
    }
}
