//! Addresses that are trusted: `--trusted-proxy`.

use std::net::IpAddr;
use std::str::FromStr;

use super::sockets::Peer;

/// A set of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Those whose addresses have these first bits.
    Ip(IpAddr, u8),
    /// Those of unix sockets.
    Unix,
}

impl FromStr for Network {
    type Err = &'static str;

    /// `IP`, `IP/BITS` or `unix`.
    fn from_str(text: &str) -> Result<Network, Self::Err> {
        let wrong = "expected an IP address, a network like 10.0.0.0/8, or unix";
        if text == "unix" {
            return Ok(Network::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| wrong)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(most) {
            bits if bits <= most => Ok(Network::Ip(address, bits)),
            _ => Err(wrong),
        }
    }
}

impl Network {
    /// Whether a peer is one of them.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        match (self, peer) {
            (Network::Unix, Peer::Unix) => true,
            (Network::Ip(IpAddr::V4(network), bits), Peer::Ip(IpAddr::V4(address), _)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(32 - u32::from(*bits)).unwrap_or(0) == 0
            }
            (Network::Ip(IpAddr::V6(network), bits), Peer::Ip(IpAddr::V6(address), _)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - u32::from(*bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}
