//! Where to listen, as it is written on a command line and announced.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::http::head::append_number;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port; port 0: the kernel chooses.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permission bits; `None`: what the umask leaves.
        mode: Option<u32>,
    },
}

impl FromStr for Address {
    type Err = &'static str;

    /// `HOST:PORT`, `[V6]:PORT`, `unix:PATH` or `unix:PATH,mode=OCTAL`. HOST is an IPv4 address or `localhost`; other names
    /// would need a resolver, which a small static binary does not have. `PORT` and `:PORT` are that port on all interfaces.
    fn from_str(text: &str) -> Result<Address, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let (path, mode) = match path.rsplit_once(",mode=") {
                Some((path, mode)) => (path, Some(permissions(mode)?)),
                None => (path, None),
            };
            return match path {
                "" => Err("a path must follow unix:"),
                _ => Ok(Address::Unix {
                    path: path.into(),
                    mode,
                }),
            };
        }
        let wrong_port = "PORT must be a number from 0 to 65535";
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().map_err(|_| wrong_port)?;
            return Ok(Address::Tcp((Ipv4Addr::LOCALHOST, port).into()));
        }
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Address::on_all_interfaces(port));
        }
        let expected = "expected IP:PORT, [IPV6]:PORT, localhost:PORT, PORT or unix:PATH, for example 127.0.0.1:8080";
        text.parse()
            .map(Address::Tcp)
            .map_err(|_| match ends_with_large_port(text) {
                true => wrong_port,
                false => expected,
            })
    }
}

/// Whether a number that is no valid port stands in the place of the port, after a host or alone.
fn ends_with_large_port(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    // The last part of an IPv6 address without brackets is no port.
    let has_one = !host.contains(':') || host.ends_with(']');
    is_number && has_one && port.parse::<u16>().is_err()
}

fn permissions(mode: &str) -> Result<u32, &'static str> {
    let octal = mode.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(mode, 8) {
        Ok(mode) if octal && mode <= 0o777 => Ok(mode),
        _ => Err("the mode must be an octal number up to 0777, for example 0660"),
    }
}

impl fmt::Display for Address {
    /// As announced on stdout.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(out, "http://{address}/"),
            Address::Unix { path, .. } => write!(out, "unix:{}", path.display()),
        }
    }
}

/// An address as it stands in a URL.
pub(super) fn host_and_port(address: SocketAddr) -> (String, u16) {
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => match address.ip().to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => format!("[{}]", address.ip()),
        },
    };
    (host, address.port())
}

impl Address {
    /// The host as it stands in a URL, and the port; `None`: it is no TCP address.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        match self {
            Address::Tcp(address) => Some(host_and_port(*address)),
            Address::Unix { .. } => None,
        }
    }

    /// A port on every interface, IPv4 and IPv6.
    #[must_use]
    pub fn on_all_interfaces(port: u16) -> Address {
        Address::Tcp((Ipv6Addr::UNSPECIFIED, port).into())
    }

    /// Whether it is a port on every interface.
    #[must_use]
    pub fn is_on_all_interfaces(&self) -> bool {
        matches!(self, Address::Tcp(address) if address.ip().is_unspecified())
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix { .. } => true,
        }
    }
}

/// Bytes of an IPv4 address and a port at most.
pub const IPV4_MAX: usize = "255.255.255.255:65535".len();

/// Appends an address as text.
pub fn append_ipv4(text: &mut Vec<u8>, address: Ipv4Addr) {
    for (i, octet) in address.octets().into_iter().enumerate() {
        if i > 0 {
            text.push(b'.');
        }
        append_number(text, octet.into());
    }
}
