//! Options of every command that speaks TLS to servers: whom to trust, and who this client is.

use std::path::PathBuf;

use super::table::Row;
use crate::client::tls::{Files, Trust};

/// What was given to a command that has them.
pub(super) trait HasCertificates {
    /// Where they are kept.
    fn certificates(&mut self) -> &mut Certificates;
}

/// The options.
pub(super) const fn options<G: HasCertificates>() -> [Row<G>; 3] {
    [
        Row::value(
            "ca-file",
            "FILE",
            "for https:// URLs: trust certificates signed by one of these authorities (PEM), instead of those that \
             the system trusts; only if openrange was built with the cargo feature tls",
            |given: &mut G, value| {
                given.certificates().authorities = Some(value.path()?);
                Ok(())
            },
        ),
        Row::value(
            "cert-file",
            "FILE",
            "for https:// URLs: the client certificate and its chain (PEM), for servers that require one",
            |given: &mut G, value| {
                given.certificates().certificate = Some(value.path()?);
                Ok(())
            },
        ),
        Row::value(
            "key-file",
            "FILE",
            "the private key of that certificate (PEM, without a passphrase; default: the file of --cert-file)",
            |given: &mut G, value| {
                given.certificates().key = Some(value.path()?);
                Ok(())
            },
        ),
    ]
}

/// What was given of them.
#[derive(Default)]
pub(super) struct Certificates {
    pub authorities: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl Certificates {
    /// Reads the files, if some server is spoken to through TLS.
    pub(super) fn trust(&self, is_tls: bool) -> Result<Option<Trust>, String> {
        let given = [
            ("--ca-file", &self.authorities),
            ("--cert-file", &self.certificate),
            ("--key-file", &self.key),
        ];
        let given = given.iter().find(|(_, file)| file.is_some());
        match given {
            Some((option, _)) if !is_tls && cfg!(feature = "tls") => {
                return Err(format!("{option} is for https:// URLs"));
            }
            None if !is_tls => return Ok(None),
            _ => {}
        }
        if self.key.is_some() && self.certificate.is_none() {
            return Err(
                "--key-file is for the certificate of --cert-file, which is missing".into(),
            );
        }
        let files = Files {
            authorities: self.authorities.as_deref(),
            certificate: self.certificate.as_deref(),
            key: self.key.as_deref(),
        };
        Trust::load(files).map(Some)
    }
}
