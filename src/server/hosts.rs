//! Which hosts requests may address, if `--host` does not say it.

use crate::http::host::Hosts;
use crate::os::sockets::Address;

/// The hosts for these listeners. `tokens`: nothing is read without a token, which pages of other origins have not got.
///
/// What listens on loopback only is for programs of this machine, which a browser on it is one of. Whoever serves a network
/// serves it under a name, and decides who may read by tokens or at a proxy.
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
