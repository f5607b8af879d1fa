//! Who may connect: the limits on connections of all workers together. Touched once when a connection
//! comes and once when it goes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::os::sockets::Peer;

/// Counts connections against the limits.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    most_of_address: Option<usize>,
    all: AtomicUsize,
    /// Only addresses that have connections, so no more entries than there are connections.
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Admission {
    /// At most `most` connections at a time, and `most_of_address` of one address if there is such a limit.
    #[must_use]
    pub fn new(most: usize, most_of_address: Option<usize>) -> Admission {
        Admission {
            most,
            most_of_address,
            all: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }
    }

    /// Whether one more may come; if so it is counted until [`Admission::release`].
    #[must_use]
    pub fn admit(&self, peer: Peer) -> bool {
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let admitted = self.limited(peer).is_none_or(|(address, most)| {
            let mut by_address = self
                .by_address
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let count = by_address.entry(address).or_default();
            let admitted = *count < most;
            *count += usize::from(admitted);
            admitted
        });
        if !admitted {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
        admitted
    }

    /// Whether nobody may come until somebody goes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.all.load(Ordering::Relaxed) >= self.most
    }

    /// From now on a connection that was admitted for a proxy counts for its client. False: the client has too many; it
    /// counts all the same, until [`Admission::release`].
    #[must_use]
    pub fn pass_on(&self, proxy: Peer, client: Peer) -> bool {
        self.discount(proxy);
        let Some((address, most)) = self.limited(client) else {
            return true;
        };
        let mut by_address = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        *count += 1;
        *count <= most
    }

    /// A connection that was admitted has gone.
    pub fn release(&self, peer: Peer) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.discount(peer);
    }

    fn discount(&self, peer: Peer) {
        let Some((address, _)) = self.limited(peer) else {
            return;
        };
        let mut by_address = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }

    /// The address that a peer counts for and its limit. A household of IPv6 has a /64 network, so
    /// that is what counts there.
    fn limited(&self, peer: Peer) -> Option<(IpAddr, usize)> {
        match (peer, self.most_of_address) {
            (Peer::Ip(address, _), Some(most)) if !address.is_loopback() => {
                Some((network(address), most))
            }
            _ => None,
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}
