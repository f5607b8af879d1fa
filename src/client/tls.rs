//! TLS around a connection, by rustls, which sends and receives nothing itself: the loop of the transport drives it.
//!
//! This is the module of the cargo feature `tls`; without it `no_tls.rs` stands in its place.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::net::{self, RecvFlags, SendFlags};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

/// Whose certificates are believed. Clones share it.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Reads certificates of authorities: those of a file in PEM, or else those that this system trusts (`SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`, or the bundle of the distribution).
    ///
    /// # Errors
    /// In words: there is no certificate.
    pub fn load(file: Option<&Path>) -> Result<Trust, String> {
        let roots = match file {
            Some(file) => of_file(file).map_err(|why| format!("{}: {why}", file.display()))?,
            None => of_system()?,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Trust(Arc::new(config)))
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Trust) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl fmt::Debug for Trust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Trust")
    }
}

fn of_file(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it (PEM)".into());
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Bundles have old certificates that nobody can read any more.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})"));
        return Err(format!(
            "this system has no certificates of authorities{}; give some by --ca-file FILE",
            why.unwrap_or_default()
        ));
    }
    Ok(roots)
}

/// The TLS of one connection.
pub struct Session(Box<ClientConnection>);

impl Session {
    /// Begins one with a server of this name or address, which its certificate has to confirm.
    ///
    /// # Errors
    /// No certificate can have such a name.
    pub fn new(trust: &Trust, host: &str) -> io::Result<Session> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::other("no certificate can be for this host"))?;
        ClientConnection::new(Arc::clone(&trust.0), name)
            .map(|tls| Session(Box::new(tls)))
            .map_err(|error| io::Error::other(describe(&error)))
    }

    /// Goes on with the handshake, which is complete when this succeeds.
    ///
    /// # Errors
    /// EAGAIN: the server has to be waited for. Others are why there will be no connection.
    pub fn handshake(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        loop {
            self.flush(fd)?;
            if !self.0.is_handshaking() {
                return Ok(());
            }
            if self.take_in(fd)? == 0 {
                return Err(io::Error::other(
                    "the server closed the connection before TLS was agreed upon",
                ));
            }
        }
    }

    /// Sends some of these bytes, at least one. What the socket does not take yet goes out with later calls.
    ///
    /// # Errors
    /// EAGAIN, and others of send(2).
    pub fn send(&mut self, fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
        self.flush(fd)?;
        let count = self.0.writer().write(bytes)?;
        self.flush_if_possible(fd)?;
        Ok(count)
    }

    /// Receives some bytes; 0 only if the server has said that no more will come. Whoever cuts the connection cannot say
    /// that.
    ///
    /// # Errors
    /// EAGAIN, others of recv(2), and a connection that ended otherwise.
    pub fn receive(&mut self, fd: BorrowedFd<'_>, space: &mut [u8]) -> io::Result<usize> {
        self.flush_if_possible(fd)?;
        loop {
            match self.0.reader().read(space) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(io::Error::other("the connection was cut"));
                }
                result => return result,
            }
            self.take_in(fd)?;
        }
    }

    /// Whether a connection that nobody uses still stands. Session tickets may come on it.
    pub fn is_quiet(&mut self, fd: BorrowedFd<'_>) -> bool {
        matches!(self.receive(fd, &mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether something waits for the socket to take it.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.0.wants_write()
    }

    /// Tells the server that no more will come, if the socket takes that now.
    pub fn close(&mut self, fd: BorrowedFd<'_>) {
        self.0.send_close_notify();
        let _ = self.flush(fd);
    }

    fn flush(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(&mut Socket(fd))?;
        }
        Ok(())
    }

    fn flush_if_possible(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        match self.flush(fd) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    fn take_in(&mut self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        let count = self.0.read_tls(&mut Socket(fd))?;
        if let Err(error) = self.0.process_new_packets() {
            // The server learns why, by an alert.
            let _ = self.flush(fd);
            return Err(io::Error::other(describe(&error)));
        }
        Ok(count)
    }
}

/// The encrypted side.
struct Socket<'a>(BorrowedFd<'a>);

impl Read for Socket<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        Ok(net::recv(self.0, space, RecvFlags::DONTWAIT)?.0)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        Ok(net::send(self.0, bytes, flags)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is wrong, for people.
fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => {
            format!("the server's certificate {}", describe_certificate(why))
        }
        Error::InvalidMessage(_) => "the server does not speak TLS".into(),
        Error::AlertReceived(alert) => format!("the server refuses TLS: {alert:?}"),
        error => error.to_string(),
    }
}

fn describe_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; is the clock of this machine right?".into()
        }
        // A bad signature: another authority has the name of one that is trusted.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is signed by nobody whom this machine trusts; --ca-file FILE names whom to trust".into()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match presented.as_slice() {
                [] => format!("is not for {expected}: it has no subjectAltName"),
                presented => format!("is not for {expected}, but for {}", presented.join(", ")),
            }
        }
        CertificateError::NotValidForName => "is for another host".into(),
        CertificateError::Revoked => "is revoked".into(),
        // webpki's reason is below an error of any type.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is that of an authority (CA:TRUE) and not of a server; openssl req makes one of a server with \
             -addext basicConstraints=critical,CA:FALSE"
                .into()
        }
        other => format!("is not accepted: {other}"),
    }
}
