//! The connection of an exchange: finds the address, connects, sends and receives, without ever waiting.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::exchange::{Exchange, Need};
use super::stream::Stream;
use super::tls::{Session, Trust};
use super::url::Server;
use crate::limits::{
    CLIENT_ADDRESS_TIMEOUT, CLIENT_ADDRESSES_MAX, KEEPALIVE_COUNT, KEEPALIVE_IDLE,
    KEEPALIVE_INTERVAL,
};
use crate::os::epoll::{Poll, Token, Waker};
use crate::os::threads::{self, Answer};
use crate::readiness::Interest;

/// Stack of the thread that looks a name up: the C library's resolver has buffers of its own on it.
const LOOKUP_STACK: usize = 256 * 1024;

/// See the module.
pub struct Transport {
    server: Server,
    trust: Option<Trust>,
    token: Token,
    waker: Waker,
    phase: Phase,
    /// Addresses of the server that were not tried yet.
    addresses: Vec<SocketAddr>,
    interest: Option<Interest>,
    /// Something happened to the connection since it was looked at.
    pub ready: bool,
}

enum Phase {
    Closed,
    Resolving(Answer<io::Result<Vec<SocketAddr>>>),
    Connecting(OwnedFd),
    Handshake(Stream),
    Open(Stream),
}

impl Phase {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Phase::Closed | Phase::Resolving(_) => None,
            Phase::Connecting(fd) => Some(fd.as_fd()),
            Phase::Handshake(stream) | Phase::Open(stream) => Some(stream.as_fd()),
        }
    }
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something: there may be more.
    Progress,
    /// Nothing, until the poller tells.
    Waits,
}

impl Transport {
    /// To a server, without a connection. `trust`: whose certificates are believed, if the server speaks TLS.
    #[must_use]
    pub fn new(server: &Server, trust: Option<&Trust>, token: Token, waker: Waker) -> Transport {
        Transport {
            server: server.clone(),
            trust: trust.cloned(),
            token,
            waker,
            phase: Phase::Closed,
            addresses: Vec::new(),
            interest: None,
            ready: false,
        }
    }

    /// Does what the exchange needs, as far as that is possible now. At most `most` bytes are received.
    pub fn drive(&mut self, exchange: &mut Exchange, poll: &Poll, most: usize) -> Turn {
        let mut turn = Turn::Waits;
        loop {
            let result = match exchange.need() {
                Need::Rest => self.rest(exchange, poll),
                Need::Disconnect => {
                    self.close(poll);
                    exchange.disconnected();
                    Ok(Turn::Progress)
                }
                Need::Connect => self.connect(exchange, poll),
                Need::Send(bytes) => match self.send(bytes) {
                    Ok(count) => {
                        exchange.sent(count);
                        Ok(Turn::Progress)
                    }
                    Err(error) => Err(error),
                },
                Need::Receive => {
                    let received = self.receive(exchange, most);
                    if matches!(received, Ok(Turn::Progress)) {
                        // What came is looked at first.
                        return Turn::Progress;
                    }
                    received
                }
            };
            match result {
                Ok(Turn::Progress) => turn = Turn::Progress,
                Ok(Turn::Waits) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.close(poll);
                    exchange.broken(describe(&error));
                    exchange.disconnected();
                    return Turn::Progress;
                }
            }
        }
        self.arm(exchange, poll, most > 0);
        turn
    }

    /// A connection that nobody uses has nothing to say but that it ends. One that does not stand yet was given up.
    fn rest(&mut self, exchange: &mut Exchange, poll: &Poll) -> io::Result<Turn> {
        if matches!(self.phase, Phase::Connecting(_) | Phase::Handshake(_)) {
            self.close(poll);
        }
        if let (Phase::Open(stream), true) = (&mut self.phase, self.ready) {
            self.ready = false;
            if !stream.is_quiet() {
                exchange.broken(String::new());
                return Ok(Turn::Progress);
            }
        }
        Ok(Turn::Waits)
    }

    fn connect(&mut self, exchange: &mut Exchange, poll: &Poll) -> io::Result<Turn> {
        match &mut self.phase {
            // An attempt was given up before it failed: the next address has its turn.
            Phase::Closed if !self.addresses.is_empty() => self.begin_next(),
            Phase::Closed => self.begin(),
            Phase::Resolving(answer) => {
                let Some(addresses) = answer.take() else {
                    return Ok(Turn::Waits);
                };
                self.addresses = addresses?;
                self.phase = Phase::Closed;
                self.begin_next()
            }
            Phase::Connecting(_) => self.finish(poll),
            Phase::Handshake(stream) => {
                stream.handshake()?;
                if let Phase::Handshake(stream) = std::mem::replace(&mut self.phase, Phase::Closed)
                {
                    self.phase = Phase::Open(stream);
                }
                Ok(Turn::Progress)
            }
            Phase::Open(_) => {
                exchange.connected();
                Ok(Turn::Progress)
            }
        }
    }

    fn begin(&mut self) -> io::Result<Turn> {
        let (host, port) = match &self.server {
            Server::Tcp { host, port, .. } => (host, *port),
            Server::Unix(path) => {
                let fd = socket(AddressFamily::UNIX)?;
                let address = SocketAddrUnix::new(&**path)?;
                // A unix socket connects at once, or its queue is full: EAGAIN, and nobody tells when it is not.
                return match net::connect(&fd, &address) {
                    Ok(()) => {
                        self.phase = Phase::Open(Stream::new(fd, None));
                        Ok(Turn::Progress)
                    }
                    Err(Errno::AGAIN) => Err(io::Error::other("the server accepts no connections")),
                    Err(error) => Err(error.into()),
                };
            }
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            self.addresses = vec![(address, port).into()];
            return self.begin_next();
        }
        let name = host.to_string();
        let answer = threads::ask("resolver", LOOKUP_STACK, self.waker.clone(), move || {
            let found = (name.as_str(), port).to_socket_addrs()?;
            let mut addresses: Vec<SocketAddr> = found.take(CLIENT_ADDRESSES_MAX).collect();
            // The last one is tried first.
            addresses.reverse();
            Ok(addresses)
        })?;
        self.phase = Phase::Resolving(answer);
        Ok(Turn::Waits)
    }

    fn begin_next(&mut self) -> io::Result<Turn> {
        while let Some(address) = self.addresses.pop() {
            let others = !self.addresses.is_empty();
            match begin_to(address, others) {
                Ok(fd) => {
                    self.phase = Phase::Connecting(fd);
                    self.ready = false;
                    return Ok(Turn::Progress);
                }
                Err(_) if others => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the name of the server has no address"))
    }

    /// Checks whether the connection is established.
    fn finish(&mut self, poll: &Poll) -> io::Result<Turn> {
        let Phase::Connecting(fd) = &self.phase else {
            return Ok(Turn::Waits);
        };
        match sockopt::socket_error(fd)? {
            Err(_) if !self.addresses.is_empty() => {
                // With its registration: the next one is another descriptor.
                self.close(poll);
                return self.begin_next();
            }
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        // ENOTCONN: not yet.
        if net::getpeername(fd).is_err() {
            return Ok(Turn::Waits);
        }
        // It was for the connecting alone; and if this connection ends, the next one is sought from the first address on.
        sockopt::set_tcp_user_timeout(fd, 0)?;
        self.addresses.clear();
        let tls = self.session()?;
        if let Phase::Connecting(fd) = std::mem::replace(&mut self.phase, Phase::Closed) {
            self.phase = Phase::Handshake(Stream::new(fd, tls));
        }
        Ok(Turn::Progress)
    }

    fn session(&self) -> io::Result<Option<Session>> {
        let Server::Tcp {
            host, tls: true, ..
        } = &self.server
        else {
            return Ok(None);
        };
        match &self.trust {
            Some(trust) => Session::new(trust, host).map(Some),
            None => Err(io::Error::other("no certificates are trusted")),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.phase {
            Phase::Open(stream) => stream.send(bytes),
            _ => Err(io::Error::other("no connection")),
        }
    }

    fn receive(&mut self, exchange: &mut Exchange, most: usize) -> io::Result<Turn> {
        let Phase::Open(stream) = &mut self.phase else {
            return Err(io::Error::other("no connection"));
        };
        let space = exchange.space();
        let length = space.len().min(most);
        if length == 0 {
            return Ok(Turn::Waits);
        }
        let count = stream.receive(&mut space[..length])?;
        if count == 0 {
            return Err(io::Error::other("the server closed the connection"));
        }
        exchange.filled(count);
        Ok(Turn::Progress)
    }

    fn close(&mut self, poll: &Poll) {
        if let (Some(fd), true) = (self.phase.socket(), self.interest.is_some()) {
            poll.remove(fd);
        }
        self.interest = None;
        self.ready = false;
        self.phase = Phase::Closed;
    }

    /// Lets the poller tell of what the exchange waits for. `may_receive`: it may, now; else the time tells when.
    fn arm(&mut self, exchange: &mut Exchange, poll: &Poll, may_receive: bool) {
        let takes = match exchange.need() {
            Need::Receive => may_receive && !exchange.space().is_empty(),
            _ => true,
        };
        let interest = match (exchange.need(), &self.phase) {
            (_, Phase::Handshake(stream)) => Interest {
                readable: true,
                writable: stream.has_output(),
            },
            (Need::Connect | Need::Send(_), _) => Interest {
                readable: false,
                writable: true,
            },
            (Need::Receive | Need::Rest | Need::Disconnect, phase) => Interest {
                readable: takes,
                writable: matches!(phase, Phase::Open(stream) if stream.has_output()),
            },
        };
        let Some(fd) = self.phase.socket() else {
            return;
        };
        // Of a connection that is gone the poller tells again and again, whatever it is asked for.
        let wanted = Some(interest).filter(|interest| interest.readable || interest.writable);
        let result = match (self.interest, wanted) {
            (None, Some(interest)) => poll.add(fd, self.token, interest),
            (Some(_), None) => {
                poll.remove(fd);
                Ok(())
            }
            (Some(before), Some(interest)) if before != interest => {
                poll.modify(fd, self.token, interest)
            }
            _ => Ok(()),
        };
        match result {
            Ok(()) => self.interest = wanted,
            Err(error) => {
                self.close(poll);
                exchange.broken(describe(&error));
                exchange.disconnected();
            }
        }
    }
}

/// Begins to connect to an address. `others`: some are left that are tried after it, so it has not all the time.
fn begin_to(address: SocketAddr, others: bool) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let fd = socket(family)?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    sockopt::set_socket_keepalive(&fd, true)?;
    sockopt::set_tcp_keepidle(&fd, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&fd, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&fd, KEEPALIVE_COUNT)?;
    if others {
        // The kernel gives it up then, and the poller tells of that as of any other failure.
        sockopt::set_tcp_user_timeout(&fd, CLIENT_ADDRESS_TIMEOUT)?;
    }
    match net::connect(&fd, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}

/// What happened, for people.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "no server listens there".into(),
        io::ErrorKind::ConnectionReset => "the server reset the connection".into(),
        _ => error.to_string(),
    }
}
