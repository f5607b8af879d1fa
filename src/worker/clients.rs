//! The addresses of clients behind proxies: the PROXY protocol names the client of a connection, `X-Forwarded-For` that of a
//! request. The server believes only trusted proxies.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::shared::Shared;
use super::slot::Slot;
use crate::http::proxy_protocol;
use crate::intent::ParsedRequest;
use crate::os::sockets::Peer;

/// What is known of clients behind proxies.
pub struct Clients {
    shared: Arc<Shared>,
    /// The client of each subscription that came through a proxy, by slot.
    subscribers: HashMap<usize, Peer>,
    /// The incomplete PROXY headers, by slot.
    heads: HashMap<usize, Vec<u8>>,
}

impl Clients {
    pub(super) fn new(shared: Arc<Shared>) -> Clients {
        Clients {
            shared,
            subscribers: HashMap::new(),
            heads: HashMap::new(),
        }
    }

    /// The client that has sent a request which came from this peer.
    #[must_use]
    pub(super) fn of(&self, peer: Peer, asked: &ParsedRequest) -> Peer {
        let list = asked.request.context.forwarded_for.as_deref();
        match list {
            Some(list) if self.trusts(peer) => self.behind(peer, list),
            _ => peer,
        }
    }

    /// The client in the value of `X-Forwarded-For`. Each proxy appends the address of its peer, so the client is the last
    /// address that is not a trusted proxy.
    fn behind(&self, peer: Peer, list: &[u8]) -> Peer {
        let mut client = peer;
        for entry in list.rsplit(|&byte| byte == b',') {
            let Some(address) = address(entry.trim_ascii()) else {
                break;
            };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, peer: Peer) -> bool {
        let trusted = &self.shared.trusted_proxies;
        trusted.iter().any(|network| network.contains(peer))
    }

    /// A subscription has begun for this client.
    pub(super) fn keep(&mut self, key: usize, slot: &Slot, asked: &ParsedRequest) {
        let client = self.of(slot.peer, asked);
        if client != slot.peer {
            self.subscribers.insert(key, client);
        }
    }

    /// The client of the subscription of a slot.
    #[must_use]
    pub(super) fn subscriber(&self, key: usize, slot: &Slot) -> Peer {
        self.subscribers.get(&key).copied().unwrap_or(slot.peer)
    }

    /// The subscription of a slot has ended, and with it what was kept for the log.
    pub(super) fn forget(&mut self, key: usize) {
        self.subscribers.remove(&key);
    }

    /// The connection of a slot is gone.
    pub(super) fn remove(&mut self, key: usize) {
        self.forget(key);
        self.heads.remove(&key);
    }

    /// Whether an incomplete PROXY header has come on the connection of a slot.
    #[must_use]
    pub(super) fn has_head(&self, key: usize) -> bool {
        self.heads.contains_key(&key)
    }

    /// Takes bytes of a connection that begins with a PROXY header. Returns what follows the header; `None`: its rest has to
    /// come.
    ///
    /// # Errors
    /// Why the connection is refused.
    pub(super) fn read_head(
        &mut self,
        key: usize,
        slot: &mut Slot,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, &'static str> {
        let mut head = self.heads.remove(&key).unwrap_or_default();
        head.extend_from_slice(bytes);
        let stranger = !self.shared.trusted_proxies.is_empty() && !self.trusts(slot.peer);
        if stranger {
            return Err("it is no --trusted-proxy");
        }
        match proxy_protocol::parse(&head) {
            Err(_) => Err("it sends no PROXY header"),
            Ok(None) => {
                self.heads.insert(key, head);
                Ok(None)
            }
            Ok(Some((source, length))) => {
                slot.awaits_source = false;
                head.drain(..length);
                if let Some((address, port)) = source {
                    let client = Peer::Ip(address, port);
                    let proxy = std::mem::replace(&mut slot.peer, client);
                    if !self.shared.admission.pass_on(proxy, client) {
                        return Err("too many connections of this address");
                    }
                }
                Ok(Some(head))
            }
        }
    }
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn address(text: &[u8]) -> Option<Peer> {
    let text = str::from_utf8(text).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        return Some(Peer::Ip(address.to_canonical(), 0));
    }
    let address: SocketAddr = text.parse().ok()?;
    Some(Peer::Ip(address.ip().to_canonical(), address.port()))
}
