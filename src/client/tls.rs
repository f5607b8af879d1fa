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
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
};

/// Files in PEM.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// Certificates of authorities; `None`: those that the system trusts.
    pub authorities: Option<&'a Path>,
    /// The certificate of this client.
    pub certificate: Option<&'a Path>,
    /// Its key; `None`: in the same file.
    pub key: Option<&'a Path>,
}

/// Whose certificates are believed, and who this client is. Clones share it.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Reads certificates of authorities: those of a file in PEM, or else those that this system trusts (`SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`, or the bundle of the distribution); and the client's own one, if it has one.
    ///
    /// # Errors
    /// In words: the option, the file, and what is wrong with it.
    pub fn load(files: Files<'_>) -> Result<Trust, String> {
        let roots = match files.authorities {
            Some(file) => of_file(file).map_err(|why| named("--ca-file", file, &why))?,
            None => of_system()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut config = match files.certificate {
            None => config.with_no_client_auth(),
            Some(file) => {
                let chain = chain(file).map_err(|why| named("--cert-file", file, &why))?;
                let (option, file) = match files.key {
                    Some(file) => ("--key-file", file),
                    None => ("--cert-file", file),
                };
                let key = PrivateKeyDer::from_pem_file(file)
                    .map_err(|error| named(option, file, &describe_key(&error)))?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| named(option, file, &describe(&error)))?
            }
        };
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

fn named(option: &str, file: &Path, why: &str) -> String {
    format!("{option}: {}: {why}", file.display())
}

/// The certificate of this client comes first, then those that lead to an authority.
fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let chain: Result<Vec<_>, _> = certificates.collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(NO_CERTIFICATE.into()),
        chain => chain.map_err(|error| error.to_string()),
    }
}

fn describe_key(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => {
            "there is no private key in it (PEM, without a passphrase)".into()
        }
        error => error.to_string(),
    }
}

const NO_CERTIFICATE: &str = "there is no certificate in it (PEM)";

fn of_file(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err(NO_CERTIFICATE.into());
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
            "this system has no certificates of authorities{}; give some with --ca-file FILE",
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
                    "the server closed the connection during the TLS handshake",
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

    /// Whether an unused connection is still open. Session tickets may arrive on it.
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
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate; --cert-file FILE names it".into()
        }
        // Nobody else's certificate is one that a server can refuse.
        Error::AlertReceived(
            alert @ (AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate),
        ) => format!("the server does not accept the client certificate: {alert:?}"),
        Error::AlertReceived(alert) => format!("the server refuses TLS: {alert:?}"),
        Error::InconsistentKeys(_) => "the key is not that of the certificate".into(),
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
            "is not signed by an authority that this machine trusts; --ca-file FILE names others to trust".into()
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
