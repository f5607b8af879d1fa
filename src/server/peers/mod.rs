//! Servers of the same files that tell each other what has happened (`--peer`): two threads, one that sends hints and one that takes them. Both
//! need no more than sockets that were opened at the start.

pub mod datagram;

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, SystemTime};

use super::options::Options;
use crate::hint::Hint;
use crate::limits::{PEER_KEY, PEER_QUEUE_MAX, PEER_STACK};
use crate::os;
use crate::os::threads;
use crate::sorted::SortedSet;
use crate::worker::hints::Hints;
use crate::worker::inspect::Inspector;
use datagram::{DATAGRAM_MAX, Guard, Refusal, Sender, seal};

/// What has happened with hints since the start.
pub struct PeerCounts {
    /// Datagrams that were sent.
    pub sent: AtomicU64,
    /// Those that came and counted.
    pub received: AtomicU64,
    /// Those that came and did not.
    pub refused: AtomicU64,
}

/// See [`PeerCounts`].
pub static COUNTS: PeerCounts = PeerCounts {
    sent: AtomicU64::new(0),
    received: AtomicU64::new(0),
    refused: AtomicU64::new(0),
};

/// Sockets that are open, and what is not yet started.
pub struct Peers {
    key: Box<[u8]>,
    own: Sender,
    /// One for each peer, connected: no other address can be sent to.
    targets: Vec<UdpSocket>,
    listener: Option<UdpSocket>,
    hints: Receiver<Hint>,
}

/// Opens what `--peer` and `--peer-listen` need, if they are given. What workers have to tell goes to the second.
///
/// # Errors
/// One line that names what cannot be used.
pub fn open(options: &Options) -> Result<(Option<Peers>, Option<Hints>), String> {
    let Some(path) = &options.peer_key else {
        return Ok((None, None));
    };
    let key = read_key(path)?;
    let mut own = Sender::default();
    os::random(&mut own);
    let mut targets = Vec::new();
    for peer in &options.peers {
        let target =
            connect(*peer).map_err(|error| format!("cannot send to --peer {peer}: {error}"))?;
        targets.push(target);
    }
    let bind = |address: SocketAddr| {
        UdpSocket::bind(address).map_err(|error| {
            format!("cannot listen on --peer-listen {address}: {error}; choose another address")
        })
    };
    let listener = options.peer_listen.map(bind).transpose()?;
    let (sender, hints) = mpsc::sync_channel(PEER_QUEUE_MAX);
    let tell = (!targets.is_empty()).then(|| Hints::new(sender));
    let peers = Peers {
        key,
        own,
        targets,
        listener,
        hints,
    };
    Ok((Some(peers), tell))
}

fn read_key(path: &Path) -> Result<Box<[u8]>, String> {
    let unusable =
        |why: &dyn std::fmt::Display| format!("cannot use --peer-key {}: {why}", path.display());
    let mut key = Vec::new();
    let file = File::open(path).map_err(|error| unusable(&error))?;
    let most = *PEER_KEY.end() as u64 + 2;
    file.take(most)
        .read_to_end(&mut key)
        .map_err(|error| unusable(&error))?;
    let key = key.trim_ascii();
    if PEER_KEY.contains(&key.len()) {
        Ok(key.into())
    } else {
        let (least, most) = (PEER_KEY.start(), PEER_KEY.end());
        Err(unusable(&format_args!(
            "it has {} bytes; a key has {least} to {most}",
            key.len()
        )))
    }
}

fn connect(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(peer)?;
    // What does not fit is lost: others look at files by themselves.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Peers {
    fn start(self, workers: Arc<Inspector>) -> io::Result<()> {
        let (key, own) = (self.key, self.own);
        if let Some(listener) = self.listener {
            if let Ok(address) = listener.local_addr() {
                log::info!("listening for hints of other servers on {address} (UDP)");
            }
            let guard = Guard::new(&key, own);
            spawn("peers in", move || receive(&listener, guard, &workers))?;
        }
        if !self.targets.is_empty() {
            let (hints, targets) = (self.hints, self.targets);
            spawn("peers out", move || send(&hints, &targets, &key, own))?;
        }
        Ok(())
    }
}

/// Starts the threads, if there is something for them to do. They pass what comes on to the workers.
///
/// # Errors
/// One line: there are too many threads.
pub fn start(peers: Option<Peers>, workers: Arc<Inspector>) -> Result<(), String> {
    let started = peers.map_or(Ok(()), |peers| peers.start(workers));
    started.map_err(|error| format!("cannot start a thread for --peer: {error}"))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    threads::start(name, Some(PEER_STACK), run).map(drop)
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Sends what workers have to tell. Several of them tell the same.
fn send(hints: &Receiver<Hint>, targets: &[UdpSocket], key: &[u8], own: Sender) {
    let mut number = 0;
    while let Ok(first) = hints.recv() {
        let others = hints.try_iter().take(PEER_QUEUE_MAX);
        let all: SortedSet<Hint> = [first].into_iter().chain(others).collect();
        for hint in &all {
            number += 1;
            let datagram = seal(key, own, number, since_1970(), hint);
            for target in targets {
                // A peer that is not there gets the next hint.
                if target.send(&datagram).is_ok() {
                    COUNTS.sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn receive(listener: &UdpSocket, mut guard: Guard, workers: &Inspector) {
    let mut buffer = [0; DATAGRAM_MAX + 1];
    loop {
        let Ok((count, from)) = listener.recv_from(&mut buffer) else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        match guard.open(&buffer[..count], since_1970()) {
            Ok(hint) => {
                COUNTS.received.fetch_add(1, Ordering::Relaxed);
                workers.hint(&Arc::new(hint));
            }
            Err(Refusal::Own) => {}
            Err(refusal) => {
                COUNTS.refused.fetch_add(1, Ordering::Relaxed);
                warn_refused(from, refusal);
            }
        }
    }
}

fn warn_refused(from: SocketAddr, refusal: Refusal) {
    static ONCE: Once = Once::new();
    let why = match refusal {
        Refusal::Malformed => "it is none",
        Refusal::Forged => "its sender has another --peer-key",
        Refusal::Clock => "the clocks of the two machines differ too much",
        // The network may repeat datagrams.
        Refusal::Repeated | Refusal::Own => return,
    };
    ONCE.call_once(|| {
        log::warn!("ignored a hint from {from}: {why}; further ones are only counted")
    });
}
