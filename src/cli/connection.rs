//! Options of the commands that follow something at a server: what each request says besides, and how fast the answers may
//! come.

use std::fs;
use std::path::Path;

use super::certificates::{self, Certificates, HasCertificates};
use super::table::Row;
use crate::client::expected::PLAIN;
use crate::client::url::Url;
use crate::limits::{TOKEN_FILE_MAX, TOKEN_MAX};

/// What was given of them.
pub(super) struct Connection {
    /// Field lines of all requests, each with its CRLF.
    pub fields: String,
    pub certificates: Certificates,
    /// Bytes in a second, at most.
    pub max_rate: Option<u64>,
}

impl Default for Connection {
    fn default() -> Connection {
        Connection {
            fields: PLAIN.into(),
            certificates: Certificates::default(),
            max_rate: None,
        }
    }
}

/// What was given to a command that has them.
pub(super) trait HasConnection {
    /// Where they are kept.
    fn connection(&mut self) -> &mut Connection;
}

impl<G: HasConnection> HasCertificates for G {
    fn certificates(&mut self) -> &mut Certificates {
        &mut self.connection().certificates
    }
}

/// The options.
pub(super) const fn options<G: HasConnection>() -> [Row<G>; 6] {
    let [authorities, certificate, key] = certificates::options();
    [
        Row::value(
            "token-file",
            "FILE",
            "a file whose first word is the bearer token",
            |given: &mut G, value| {
                let field = token_field(&value.path()?)?;
                given.connection().fields.push_str(&field);
                Ok(())
            },
        ),
        authorities,
        certificate,
        key,
        Row::value(
            "header",
            "FIELD",
            "send this header field too (NAME: VALUE); may be repeated",
            |given: &mut G, value| {
                let field = field(&value.string()?)?;
                given.connection().fields.push_str(&field);
                Ok(())
            },
        ),
        Row::value(
            "max-rate",
            "BYTES",
            "receive at most this many bytes a second",
            |given: &mut G, value| {
                given.connection().max_rate = Some(value.number(1, usize::MAX)? as u64);
                Ok(())
            },
        ),
    ]
}

/// Reads a URL that can be connected to.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("{text}: {why}"))?;
    if url.is_tls() && cfg!(not(feature = "tls")) {
        return Err(format!(
            "{text}: this openrange was built without TLS (cargo feature tls); put a proxy that has it on this machine, \
             and give its http:// URL"
        ));
    }
    Ok(url)
}

/// The field that shows the token of a file.
fn token_field(path: &Path) -> Result<String, String> {
    let named = |why: &str| format!("--token-file {}: {why}", path.display());
    let long = fs::metadata(path).is_ok_and(|file| file.len() > TOKEN_FILE_MAX);
    if long {
        return Err(named("it is far too long"));
    }
    let text = fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
    // What follows a # is a remark, as in the server's own file.
    let line = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let word = line
        .filter(|line| !line.is_empty())
        .find_map(|line| line.split_whitespace().next());
    match word {
        Some(token)
            if token.len() <= TOKEN_MAX && token.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(format!("Authorization: Bearer {token}\r\n"))
        }
        _ => Err(named("there is no token in it")),
    }
}

/// A header field that was given as `NAME: VALUE`.
fn field(text: &str) -> Result<String, String> {
    let wrong = || format!("--header {text}: expected NAME: VALUE");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | 0x80..);
    if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(plain) {
        return Err(wrong());
    }
    const OURS: [&str; 10] = [
        "host",
        "range",
        "if-match",
        "if-bytes-before",
        "te",
        "connection",
        "accept",
        "accept-encoding",
        "content-length",
        "transfer-encoding",
    ];
    if OURS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(format!("--header {name}: openrange sets this field itself"));
    }
    Ok(format!("{name}: {}\r\n", value.trim()))
}
