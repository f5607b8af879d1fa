//! Where a log is: `http://HOST[:PORT]/PATH`, `https://...`, or `http+unix://%2Frun%2Fx.sock/PATH`.

use std::fmt;

use percent_encoding::percent_decode_str;

/// What is said of a text that is no such URL.
pub const EXPECTED: &str = if cfg!(feature = "tls") {
    "expected http://HOST[:PORT]/PATH, https://HOST[:PORT]/PATH or http+unix://%2Frun%2Fx.sock/PATH"
} else {
    "expected http://HOST[:PORT]/PATH or http+unix://%2Frun%2Fx.sock/PATH"
};

/// A parsed URL, without query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whom to connect to.
    pub server: Server,
    /// The `Host` field.
    pub host: Box<str>,
    /// The path as it is sent: it begins with a slash and is percent-encoded.
    pub path: Box<str>,
    /// As it was given.
    text: Box<str>,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A host by name or address, without brackets, and a port.
    Tcp {
        /// The name or address.
        host: Box<str>,
        /// The port.
        port: u16,
        /// Through TLS.
        tls: bool,
    },
    /// A unix socket.
    Unix(Box<[u8]>),
}

impl Server {
    /// Whether it is spoken to through TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Server::Tcp { tls: true, .. })
    }
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        let expected = EXPECTED;
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("a URL has only printable ASCII characters; encode others as %XX");
        }
        let (scheme, rest) = text.split_once("://").ok_or(expected)?;
        let slash = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if path.contains(['?', '#']) {
            return Err(
                "leave out ? or # and what follows; openrange follow --from lines=N begins at the last lines",
            );
        }
        if authority.contains('@') {
            return Err("a password in the URL shows in the process table; use --token-file");
        }
        let (server, host) = match scheme.to_ascii_lowercase().as_str() {
            "http" => tcp(authority, 80, false)?,
            "https" => tcp(authority, 443, true)?,
            "http+unix" => {
                let path: Vec<u8> = percent_decode_str(authority).collect();
                if path.is_empty() || path.contains(&0) {
                    return Err(expected);
                }
                (Server::Unix(path.into()), "localhost".into())
            }
            _ => return Err(expected),
        };
        // The same resource (RFC 9110, 4.2.3).
        let root = if path.is_empty() { "/" } else { "" };
        Ok(Url {
            server,
            host,
            path: format!("{path}{root}").into(),
            text: format!("{text}{root}").into(),
        })
    }

    /// Whether the server is spoken to through TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.server.is_tls()
    }

    /// Whether it names a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.path.ends_with('/')
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// `HOST[:PORT]`
fn tcp(authority: &str, default: u16, tls: bool) -> Result<(Server, Box<str>), &'static str> {
    let (host, port) = match authority.rfind([':', ']']) {
        Some(at) if authority[at..].starts_with(':') => {
            (&authority[..at], Some(&authority[at + 1..]))
        }
        _ => (authority, None),
    };
    let port = match port {
        None | Some("") => default,
        Some(digits) => digits
            .parse()
            .map_err(|_| "the port must be a number from 0 to 65535")?,
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if bare.is_empty() || bare.contains(['[', ']']) {
        return Err("the URL names no host");
    }
    let field = if port == default {
        host.into()
    } else {
        format!("{host}:{port}").into()
    };
    let server = Server::Tcp {
        host: bare.into(),
        port,
        tls,
    };
    Ok((server, field))
}
