//! Where a notification goes: a URL whose origin is listed.

use std::fmt;

use crate::client::url::{self, Server, Url};
use crate::limits::CALLBACK_MAX;

/// A server that may get notifications (`--allow`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whom to connect to; a host in lower case.
    pub server: Server,
    text: Box<str>,
}

impl Origin {
    /// Reads `http://HOST[:PORT]`, `https://HOST[:PORT]` or `http+unix://%2Frun%2Fx.sock`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Origin, &'static str> {
        const ORIGIN: &str =
            "expected http://HOST[:PORT], https://HOST[:PORT] or http+unix://%2Frun%2Fx.sock";
        let url = Url::parse(text).map_err(|why| match why {
            url::EXPECTED => ORIGIN,
            why => why,
        })?;
        if &*url.path != "/" {
            return Err("an origin has no path");
        }
        let server = server(&url);
        if server.is_tls() && cfg!(not(feature = "tls")) {
            return Err(
                "this openrange was built without TLS (cargo feature tls); list http://... of a proxy on this machine that has it",
            );
        }
        Ok(Origin {
            server,
            text: text.trim_end_matches('/').into(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Hosts are the same in capitals.
fn server(url: &Url) -> Server {
    match &url.server {
        Server::Tcp { host, port, tls } => Server::Tcp {
            host: host.to_ascii_lowercase().into(),
            port: *port,
            tls: *tls,
        },
        Server::Unix(path) => Server::Unix(path.clone()),
    }
}

/// The URL of a `Prefer: callback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Whom to connect to; a host in lower case.
    pub server: Server,
    /// The `Host` field.
    pub host: Box<str>,
    /// Path and query, as they are sent.
    pub target: Box<str>,
    /// Without the query, which may have a secret.
    shown: Box<str>,
}

impl Callback {
    /// Reads a URL; what follows `#` is not part of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Callback, &'static str> {
        if text.len() > CALLBACK_MAX {
            return Err("the URL is too long");
        }
        let text = text.split('#').next().unwrap_or_default();
        let (place, query) = match text.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (text, None),
        };
        let url = Url::parse(place)?;
        if query.is_some_and(|query| query.bytes().any(|byte| !byte.is_ascii_graphic())) {
            return Err("a URL has only printable ASCII characters; encode others as %XX");
        }
        let target = match query {
            Some(query) => format!("{}?{query}", url.path).into(),
            None => url.path.clone(),
        };
        Ok(Callback {
            server: server(&url),
            host: url.host,
            target,
            shown: place.into(),
        })
    }

    /// Whether it is one of these origins.
    #[must_use]
    pub fn is_of(&self, origin: &Origin) -> bool {
        self.server == origin.server
    }
}

impl fmt::Display for Callback {
    /// Without the query.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}
