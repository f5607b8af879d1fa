//! An established connection: bytes to and from a server, through TLS or not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use super::tls::Session;

/// See the module.
pub struct Stream {
    fd: OwnedFd,
    tls: Option<Session>,
}

impl Stream {
    /// Of a connected socket. With a session, its handshake comes first.
    #[must_use]
    pub fn new(fd: OwnedFd, tls: Option<Session>) -> Stream {
        Stream { fd, tls }
    }

    /// Makes it ready to send; it is when this succeeds.
    ///
    /// # Errors
    /// EAGAIN: not yet. Others: it never will be.
    pub fn handshake(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.handshake(self.fd.as_fd()),
            None => Ok(()),
        }
    }

    /// Sends some of these bytes.
    ///
    /// # Errors
    /// EAGAIN, and others of send(2).
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.send(self.fd.as_fd(), bytes),
            None => Ok(net::send(
                &self.fd,
                bytes,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            )?),
        }
    }

    /// Receives some bytes; 0: the server has closed its side.
    ///
    /// # Errors
    /// EAGAIN, and others of recv(2); through TLS, a connection that was cut.
    pub fn receive(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.receive(self.fd.as_fd(), space),
            None => Ok(net::recv(&self.fd, space, RecvFlags::DONTWAIT)?.0),
        }
    }

    /// Whether an unused connection, on which nothing is expected, is still open.
    pub fn is_quiet(&mut self) -> bool {
        match &mut self.tls {
            Some(tls) => tls.is_quiet(self.fd.as_fd()),
            None => {
                let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
                matches!(net::recv(&self.fd, &mut [0], flags), Err(Errno::AGAIN))
            }
        }
    }

    /// Whether something that was sent waits for the socket to take it.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::has_output)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(self.fd.as_fd());
        }
    }
}
