//! The addresses of the server: binds them before the workers start, and announces them.

use std::io::{self, Write};

use super::intakes::{self, Intakes};
use super::options::{DEFAULT_ADDRESS, Options};
use super::peers::{self, Peers};
use crate::os::sockets::{self, Address, Bound, Listener};
use crate::os::unix_queues::UnixQueues;
use crate::worker::hints::Hints;

/// Every address of the server. Dropping this removes the socket files.
pub(super) struct Addresses {
    pub served: Vec<Bound>,
    pub admin: Option<Bound>,
    /// Opened together with the sockets, since no others can be opened later.
    pub unix_queues: Option<UnixQueues>,
    pub intakes: Intakes,
    pub peers: Option<Peers>,
    /// Where workers leave hints for the peers.
    pub hints: Option<Hints>,
}

impl Addresses {
    /// For each worker a listener of each address.
    pub fn listeners(&mut self, threads: usize) -> Vec<Vec<Listener>> {
        let mut one = || self.served.iter_mut().filter_map(Bound::take).collect();
        (0..threads).map(|_| one()).collect()
    }

    /// Says on stdout where the server listens, one line for each address.
    pub fn announce(&self) {
        let mut stdout = io::stdout().lock();
        // Perhaps nobody reads stdout; the server serves all the same.
        for bound in &self.served {
            let _ = writeln!(stdout, "listening on {}", bound.address);
        }
        if let Some(bound) = &self.admin {
            let _ = writeln!(stdout, "admin on {}", bound.address);
        }
        for line in self.intakes.lines() {
            let _ = writeln!(stdout, "{line}");
        }
        let _ = stdout.flush();
    }
}

/// Binds all addresses. `passed`: sockets that the service manager has bound already.
///
/// # Errors
/// One line that names the address that cannot be used.
pub(super) fn bind(
    options: &Options,
    threads: usize,
    passed: Vec<Bound>,
) -> Result<Addresses, String> {
    let mut served = passed;
    let addresses = match options.listen.as_slice() {
        [] if served.is_empty() => &[DEFAULT_ADDRESS],
        addresses => addresses,
    };
    for (index, address) in addresses.iter().enumerate() {
        let mut bound = sockets::bind(address, threads).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --listen")
        })?;
        if options.proxied.contains(&index) {
            bound.expect_proxies();
        }
        served.push(bound);
    }
    let admin = match &options.admin {
        Some(address) => Some(sockets::bind(address, 1).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --admin")
        })?),
        None => None,
    };
    let (peers, hints) = peers::open(options)?;
    let unix = |bound: &Bound| matches!(bound.address, Address::Unix { .. });
    let unix_queues = served.iter().any(unix).then(UnixQueues::open);
    Ok(Addresses {
        served,
        admin,
        unix_queues: unix_queues.and_then(Result::ok),
        intakes: intakes::bind(options)?,
        peers,
        hints,
    })
}
