//! Which hosts requests may address, if `--host` does not say so.

use crate::http::host::Hosts;
use crate::os::sockets::Address;

/// The hosts for these listeners. `tokens`: nobody reads without a token, and pages of other origins have none.
///
/// A server that listens on loopback only is for programs of this machine; a browser is one of them. A server for a network
/// has a name, and tokens or a proxy decide who may read.
#[must_use]
pub fn of<'a>(
    given: Option<&Hosts>,
    listeners: impl IntoIterator<Item = &'a Address>,
    tokens: bool,
) -> Hosts {
    if let Some(hosts) = given {
        return hosts.clone();
    }
    let is_loopback = |address: &Address| match address {
        Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix { .. } => true,
    };
    match !tokens && listeners.into_iter().all(is_loopback) {
        true => Hosts::default(),
        false => Hosts::any(),
    }
}
