//! What a proxy sends before the first byte of its client: whose connection it is. Versions 1 (text) and 2 (binary) of the
//! PROXY protocol, of which <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt> is the specification.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::limits::PROXY_HEAD_MAX;

/// Where a connection comes from; `None`: from the proxy itself, or it does not know.
pub type Source = Option<(IpAddr, u16)>;

/// It is no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8] = b"PROXY ";
/// Longest header of version 1, its line end included (section 2.1).
const LINE_MAX: usize = 107;

/// Whether bytes begin like the text form, which is no request.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(WORD);
    rest.is_some_and(|rest| rest.starts_with(b"TCP") || rest.starts_with(b"UNKNOWN"))
}

/// Reads the header at the beginning of `bytes`. `Ok(None)`: it is not complete yet; `Ok(Some((source, length)))`: it took
/// `length` bytes.
///
/// # Errors
/// [`Malformed`], as soon as that is certain.
pub fn parse(bytes: &[u8]) -> Result<Option<(Source, usize)>, Malformed> {
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    if !begins(bytes, WORD) {
        return Err(Malformed);
    }
    let window = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return match bytes.len() < LINE_MAX {
            true => Ok(None),
            false => Err(Malformed),
        };
    };
    let line = window.get(WORD.len()..end).ok_or(Malformed)?;
    let line = str::from_utf8(line).map_err(|_| Malformed)?;
    Ok(Some((text(line)?, end + 2)))
}

/// Whether bytes begin with these, as far as they go.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    let common = bytes.len().min(with.len());
    bytes[..common] == with[..common]
}

/// `TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT`, `TCP6` likewise, or `UNKNOWN` and whatever follows.
fn text(line: &str) -> Result<Source, Malformed> {
    let words: Vec<&str> = line.split(' ').collect();
    let (source, port) = match words.as_slice() {
        ["UNKNOWN", ..] => return Ok(None),
        ["TCP4" | "TCP6", source, _, port, _] => (*source, *port),
        _ => return Err(Malformed),
    };
    let source: IpAddr = source.parse().map_err(|_| Malformed)?;
    if source.is_ipv4() != line.starts_with("TCP4") {
        return Err(Malformed);
    }
    let port = port.parse().map_err(|_| Malformed)?;
    Ok(Some((source.to_canonical(), port)))
}

fn binary(bytes: &[u8]) -> Result<Option<(Source, usize)>, Malformed> {
    let Some([command, family, high, low]) = bytes.get(12..16) else {
        return Ok(None);
    };
    let length = 16 + usize::from(u16::from_be_bytes([*high, *low]));
    if length > PROXY_HEAD_MAX {
        return Err(Malformed);
    }
    let Some(rest) = bytes.get(16..length) else {
        return Ok(None);
    };
    // What follows the addresses (type, length, value) is not for us.
    let source = match (command, family) {
        (0x20, _) | (0x21, 0x00) => None,
        (0x21, 0x11) => {
            let (addresses, _) = rest.split_first_chunk::<12>().ok_or(Malformed)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses;
            let port = u16::from_be_bytes([high, low]);
            Some((Ipv4Addr::new(a, b, c, d).into(), port))
        }
        (0x21, 0x21) => {
            let (addresses, _) = rest.split_first_chunk::<36>().ok_or(Malformed)?;
            let (address, _) = addresses.split_first_chunk::<16>().ok_or(Malformed)?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            let address = IpAddr::from(Ipv6Addr::from_octets(*address));
            Some((address.to_canonical(), port))
        }
        // A unix socket of the machine of the proxy.
        (0x21, 0x31) if rest.len() >= 216 => None,
        _ => return Err(Malformed),
    };
    Ok(Some((source, length)))
}
