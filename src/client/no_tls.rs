//! In the place of `tls.rs` in a build without the cargo feature `tls`: there is no TLS, which the compiler knows.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Files in PEM, which nobody reads here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// Certificates of authorities.
    pub authorities: Option<&'a Path>,
    /// The certificate of this client.
    pub certificate: Option<&'a Path>,
    /// Its key.
    pub key: Option<&'a Path>,
}

/// Whose certificates are believed: there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {}

impl Trust {
    /// There is nothing to read certificates for.
    ///
    /// # Errors
    /// Always, in words.
    pub fn load(_files: Files<'_>) -> Result<Trust, String> {
        Err("this openrange was built without TLS (cargo feature tls)".into())
    }
}

/// The TLS of one connection: there is none.
pub enum Session {}

/// Nobody can call these, since nobody can have a session. `tls.rs` says what they do where there is one.
#[allow(missing_docs, clippy::missing_errors_doc)]
impl Session {
    pub fn new(trust: &Trust, _host: &str) -> io::Result<Session> {
        match *trust {}
    }

    pub fn handshake(&mut self, _fd: BorrowedFd<'_>) -> io::Result<()> {
        match *self {}
    }

    pub fn send(&mut self, _fd: BorrowedFd<'_>, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub fn receive(&mut self, _fd: BorrowedFd<'_>, _space: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub fn is_quiet(&mut self, _fd: BorrowedFd<'_>) -> bool {
        match *self {}
    }

    #[must_use]
    pub fn has_output(&self) -> bool {
        match *self {}
    }

    pub fn close(&mut self, _fd: BorrowedFd<'_>) {
        match *self {}
    }
}
