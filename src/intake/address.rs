//! `ADDR=/NAME`: where lines arrive, and the file to which the server appends them.

use std::fmt;
use std::str::FromStr;

use crate::http::prefix::Prefix;
use crate::http::target::Path;
use crate::os::sockets::Address;

/// What arrives at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Connections, with lines on each.
    Stream,
    /// Datagrams, each a line.
    Datagram,
}

/// One `--intake`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// What arrives there.
    pub kind: Kind,
    /// Where.
    pub address: Address,
    /// The name of the file, as it stands in a URL.
    pub file: Prefix,
}

impl FromStr for Intake {
    type Err = &'static str;

    /// `tcp:IP:PORT=/NAME`, `unix:PATH=/NAME`, `udp:IP:PORT=/NAME` or `unix-dgram:PATH=/NAME`. A path of a socket may have
    /// `,mode=OCTAL` at its end.
    fn from_str(text: &str) -> Result<Intake, Self::Err> {
        let expected = "expected tcp:IP:PORT=/NAME, udp:IP:PORT=/NAME, unix:PATH=/NAME or unix-dgram:PATH=/NAME";
        let equals = text.rfind("=/").ok_or(expected)?;
        let (place, name) = (&text[..equals], &text[equals + 1..]);
        let (scheme, rest) = place.split_once(':').ok_or(expected)?;
        let kind = match scheme {
            "tcp" | "unix" => Kind::Stream,
            "udp" | "unix-dgram" => Kind::Datagram,
            _ => return Err(expected),
        };
        let address: Address = match scheme {
            "unix" | "unix-dgram" => format!("unix:{rest}").parse()?,
            _ if rest.starts_with("unix:") => return Err(expected),
            _ => rest.parse()?,
        };
        let file = Prefix::parse(name.as_bytes())?;
        match file.name() {
            [] => Err("the file must have a name"),
            _ if name.ends_with('/') => {
                Err("the name must be that of a file, without a / at its end")
            }
            _ => Ok(Intake {
                kind,
                address,
                file,
            }),
        }
    }
}

impl fmt::Display for Intake {
    /// The address, in the form of the option.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.kind, &self.address) {
            (Kind::Stream, Address::Tcp(_)) => "tcp",
            (Kind::Stream, Address::Unix { .. }) => "unix",
            (Kind::Datagram, Address::Tcp(_)) => "udp",
            (Kind::Datagram, Address::Unix { .. }) => "unix-dgram",
        };
        match &self.address {
            Address::Tcp(address) => write!(out, "{kind}:{address}"),
            Address::Unix { path, .. } => write!(out, "{kind}:{}", path.display()),
        }
    }
}

impl Intake {
    /// The directory of the file, and its name there.
    #[must_use]
    pub fn place(&self) -> (&[u8], &[u8]) {
        let name = self.file.name();
        match name.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&name[..slash], &name[slash + 1..]),
            None => (b"", name),
        }
    }

    /// The name of the file as the path of a request.
    #[must_use]
    pub fn path(&self) -> Path {
        Path {
            name: self.file.name().into(),
            slash: false,
        }
    }
}
