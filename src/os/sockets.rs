//! TCP and unix sockets: listeners with all their options, and the streams they accept.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
    sockopt,
};

pub use super::address::Address;
use super::address::{IPV4_MAX, append_ipv4, host_and_port};
pub use super::not_accepted::NotAccepted;
use super::socket_file::{self, SocketFile};
use super::sys;
use crate::http::head::append_number;
use crate::limits::{
    BACKLOG, KEEPALIVE_COUNT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, NOT_SENT_LOW, UNIX_PIECE,
};

/// A bound and listening address.
pub struct Bound {
    /// With the port that the kernel chose.
    pub address: Address,
    /// One for each worker.
    pub listeners: Vec<Listener>,
    /// The socket file, removed when this is dropped.
    file: Option<SocketFile>,
}

/// One listening socket.
pub struct Listener {
    fd: OwnedFd,
    tcp: bool,
    /// See [`Listener::lent`].
    lent: bool,
    /// See [`Listener::is_proxied`].
    proxied: bool,
}

/// Binds an address for a number of workers.
///
/// A TCP port gets one socket for each worker (SO_REUSEPORT), among which the kernel spreads connections evenly; a unix
/// socket is shared. The first socket is bound without the option, so that a second server on the port fails.
///
/// # Errors
/// EADDRINUSE, EACCES and the like.
pub fn bind(address: &Address, workers: usize) -> io::Result<Bound> {
    match address {
        Address::Tcp(address) => bind_tcp(*address, workers),
        Address::Unix { path, mode } => bind_unix(path, *mode, workers),
    }
}

fn bind_tcp(address: SocketAddr, workers: usize) -> io::Result<Bound> {
    let first = match tcp_socket(&address) {
        // On a kernel without IPv6, all interfaces means those of IPv4.
        Err(error)
            if address.ip() == Ipv6Addr::UNSPECIFIED
                && error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) =>
        {
            return bind_tcp((Ipv4Addr::UNSPECIFIED, address.port()).into(), workers);
        }
        result => result?,
    };
    net::bind(&first, &address)?;
    let address = SocketAddr::try_from(net::getsockname(&first)?)?;
    // Listening is what excludes others; until then two servers may both be bound.
    net::listen(&first, BACKLOG)?;
    let mut sockets = vec![first];
    if workers > 1 {
        sockopt::set_socket_reuseport(&sockets[0], true)?;
    }
    while sockets.len() < workers {
        let socket = tcp_socket(&address)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        net::bind(&socket, &address)?;
        net::listen(&socket, BACKLOG)?;
        sockets.push(socket);
    }
    let listeners = sockets
        .into_iter()
        .map(|fd| Listener {
            fd,
            tcp: true,
            lent: false,
            proxied: false,
        })
        .collect();
    Ok(Bound {
        address: Address::Tcp(address),
        listeners,
        file: None,
    })
}

fn tcp_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = net::socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Whatever net.ipv6.bindv6only says, all interfaces includes those of IPv4.
        sockopt::set_ipv6_v6only(&fd, false)?;
    }
    set_tcp_options(&fd)?;
    Ok(fd)
}

/// Accepted sockets inherit all of this, which saves calls for each of them.
fn set_tcp_options(fd: &OwnedFd) -> io::Result<()> {
    sockopt::set_tcp_nodelay(fd, true)?;
    sockopt::set_socket_keepalive(fd, true)?;
    sockopt::set_tcp_keepidle(fd, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(fd, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(fd, KEEPALIVE_COUNT)?;
    // An optimisation only, and unknown to kernels before 3.12.
    let _ = sys::set_not_sent_low(fd, NOT_SENT_LOW);
    Ok(())
}

fn bind_unix(path: &Path, mode: Option<u32>, workers: usize) -> io::Result<Bound> {
    let (fd, file) = socket_file::bind(SocketType::STREAM, path, mode)?;
    net::listen(&fd, BACKLOG)?;
    let listener = Listener {
        fd,
        tcp: false,
        lent: false,
        proxied: false,
    };
    Ok(Bound {
        address: Address::Unix {
            path: path.into(),
            mode,
        },
        listeners: share(listener, workers)?,
        file: Some(file),
    })
}

/// One socket for all workers.
fn share(listener: Listener, workers: usize) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    while listeners.len() + 1 < workers {
        listeners.push(listener.try_clone()?);
    }
    listeners.push(listener);
    Ok(listeners)
}

/// Takes over a listening socket that another process has made, and may keep, for a number of workers. If it has a
/// file, that other process removes it.
///
/// # Errors
/// ENOTSOCK and the like if it is something else than a listening TCP or unix stream socket.
pub fn adopt(fd: OwnedFd, workers: usize) -> io::Result<Bound> {
    let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if sockopt::socket_type(&fd)? != SocketType::STREAM || !sockopt::socket_acceptconn(&fd)? {
        return wrong("it is not a listening stream socket");
    }
    let Some(address) = address_of(&fd)? else {
        return wrong("it is neither a TCP nor a unix socket");
    };
    if matches!(address, Address::Tcp(_)) {
        set_tcp_options(&fd)?;
    }
    rustix::io::ioctl_fionbio(&fd, true)?;
    let listener = Listener {
        fd,
        tcp: matches!(address, Address::Tcp(_)),
        lent: true,
        proxied: false,
    };
    Ok(Bound {
        address,
        listeners: share(listener, workers)?,
        file: None,
    })
}

/// The address of a socket; `None`: it is neither a TCP nor a unix socket.
fn address_of(fd: &OwnedFd) -> io::Result<Option<Address>> {
    let name = net::getsockname(fd)?;
    Ok(match name.address_family() {
        AddressFamily::INET | AddressFamily::INET6 => {
            Some(Address::Tcp(SocketAddr::try_from(name)?))
        }
        AddressFamily::UNIX => Some(Address::Unix {
            path: path_of(&SocketAddrUnix::try_from(name)?),
            mode: None,
        }),
        _ => None,
    })
}

/// The name of a unix socket as people write it: an abstract one has an `@` for the NUL.
fn path_of(name: &SocketAddrUnix) -> PathBuf {
    let bytes = match (name.path_bytes(), name.abstract_name()) {
        (Some(path), _) => path.to_vec(),
        (None, Some(name)) => [b"@", name].concat(),
        (None, None) => Vec::new(),
    };
    OsString::from_vec(bytes).into()
}

impl Bound {
    /// Keeps what must last as long as the server, without its listeners.
    #[must_use]
    pub fn into_guard(self) -> impl Sized {
        self.file
    }

    /// Proxies connect here, and begin with a PROXY header.
    pub fn expect_proxies(&mut self) {
        for listener in &mut self.listeners {
            listener.proxied = true;
        }
    }

    /// Takes the listener of one more worker.
    pub fn take(&mut self) -> Option<Listener> {
        self.listeners.pop()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Listener {
    /// Whether another process has the socket too and goes on to listen when this one ends, so that what waits in its
    /// queue is not lost.
    #[must_use]
    pub fn lent(&self) -> bool {
        self.lent
    }

    /// Whether its connections begin with a PROXY header.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Another descriptor of the same socket.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn try_clone(&self) -> io::Result<Listener> {
        Ok(Listener {
            fd: self.fd.try_clone()?,
            ..*self
        })
    }

    /// Its address, for the log.
    #[must_use]
    pub fn address(&self) -> String {
        let address = address_of(&self.fd).ok().flatten();
        address.map_or_else(|| "a listener".into(), |address| address.to_string())
    }

    /// The next connection in the queue.
    ///
    /// # Errors
    /// [`NotAccepted`]
    pub fn accept(&self) -> Result<(Stream, Peer), NotAccepted> {
        let (fd, address) =
            net::acceptfrom_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
                .map_err(NotAccepted::from)?;
        let address = address.and_then(|address| SocketAddr::try_from(address).ok());
        let peer = match address {
            Some(address) if self.tcp => Peer::Ip(address.ip().to_canonical(), address.port()),
            _ => Peer::Unix,
        };
        Ok((Stream { fd, tcp: self.tcp }, peer))
    }
}

/// Sends `count` bytes in pieces of [`UNIX_PIECE`], each of which is one buffer of the kernel. `send` gets the number
/// of bytes that are sent already, and the number to send.
fn in_pieces(
    count: usize,
    mut send: impl FnMut(usize, usize) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut sent = 0;
    while sent < count {
        let piece = UNIX_PIECE.min(count - sent);
        match send(sent, piece) {
            Ok(more) => {
                sent += more;
                if more < piece {
                    break;
                }
            }
            Err(error) if sent == 0 => return Err(error),
            // What was sent counts; the next call meets the error again.
            Err(_) => break,
        }
    }
    Ok(sent)
}

/// Who is at the other end, for the log. (A `SocketAddr` would be 12 bytes more in every slot.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Address and port.
    Ip(IpAddr, u16),
    /// Somebody on this machine.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A proxy has named the address only.
            Peer::Ip(address, 0) => address.fmt(out),
            // Most of them, in each line of the log: without the machinery of formatting, which takes longer than all else.
            Peer::Ip(IpAddr::V4(address), port) => {
                let mut text = Vec::with_capacity(IPV4_MAX);
                append_ipv4(&mut text, *address);
                text.push(b':');
                append_number(&mut text, (*port).into());
                out.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
            Peer::Ip(address, port) => SocketAddr::new(*address, *port).fmt(out),
            Peer::Unix => out.write_str("unix"),
        }
    }
}

/// One connection.
pub struct Stream {
    fd: OwnedFd,
    tcp: bool,
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Stream {
    /// Reads what has arrived; 0 is the end.
    ///
    /// # Errors
    /// EAGAIN, ECONNRESET and the like.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::retry_on_intr(|| net::recv(&self.fd, &mut *buffer, RecvFlags::empty()))
            .map(|(count, _)| count)
    }

    /// The address at our end, as it stands in a URL, and the port; `None`: it is no TCP socket.
    #[must_use]
    pub fn local_address(&self) -> Option<(String, u16)> {
        let name = net::getsockname(&self.fd).ok().filter(|_| self.tcp)?;
        SocketAddr::try_from(name).ok().map(host_and_port)
    }

    /// Sends some of the bytes. `more`: others follow at once, so a segment may wait for them. Never true for the last
    /// ones: they would wait for 200 ms.
    ///
    /// # Errors
    /// EAGAIN, EPIPE, ECONNRESET and the like.
    pub fn send(&self, bytes: &[u8], more: bool) -> Result<usize, Errno> {
        // The kernel remembers that the filter always allows write(2), but runs the filter at each sendto(2) to look at
        // its address. The standard library ignores SIGPIPE.
        let send = |bytes: &[u8]| {
            rustix::io::retry_on_intr(|| match more {
                true => net::send(&self.fd, bytes, SendFlags::NOSIGNAL | SendFlags::MORE),
                false => rustix::io::write(&self.fd, bytes),
            })
        };
        if self.tcp {
            return send(bytes);
        }
        in_pieces(bytes.len(), |sent, count| send(&bytes[sent..sent + count]))
    }

    /// Sends `count` bytes of a file without copying them to user space; 0: the file has none there.
    ///
    /// # Errors
    /// EAGAIN, EPIPE and the like of the socket; EIO of the file; EINVAL where the file system cannot.
    pub fn send_file(&self, file: impl AsFd, offset: u64, count: u64) -> Result<usize, Errno> {
        let mut offset = offset;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut send = |count| {
            rustix::io::retry_on_intr(|| {
                rustix::fs::sendfile(&self.fd, file.as_fd(), Some(&mut offset), count)
            })
        };
        if self.tcp {
            return send(count);
        }
        in_pieces(count, |_, count| send(count))
    }

    /// Whether it came over TCP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// Whether [`Stream::unacknowledged`] counts the bytes that were sent; a unix socket counts the kernel's memory for
    /// them.
    #[must_use]
    pub fn counts_bytes(&self) -> bool {
        self.tcp
    }

    /// Bytes sent that the other side has not taken; 0 if the kernel does not know.
    #[must_use]
    pub fn unacknowledged(&self) -> u32 {
        sys::unacknowledged(&self.fd).unwrap_or(0)
    }

    /// Ends our side of the connection.
    pub fn shut(&self) {
        // ENOTCONN: it has ended already.
        let _ = net::shutdown(&self.fd, Shutdown::Write);
    }

    /// Closes so that the other side sees a broken connection and not an end. On a unix socket it is an ordinary close.
    pub fn reset(self) {
        if self.tcp {
            let _ = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
        }
    }
}
