//! What a service manager passes in the environment, and the notices that it expects: sd_listen_fds(3) and sd_notify(3),
//! by their documented protocols and without a library.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use log::{debug, warn};
use rustix::net::{
    self, AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};

use crate::limits::NOTIFY_TIMEOUT;
use crate::os::inherited;
use crate::os::monotonic;
use crate::os::sockets::{self, Bound};

/// The listening sockets that were passed to this process, each for so many workers. None if `LISTEN_FDS` is not there
/// or is meant for another process.
///
/// # Errors
/// One line that names what cannot be used.
pub fn passed_sockets(workers: usize) -> Result<Vec<Bound>, String> {
    let (Some(pid), Some(count)) = (env::var_os("LISTEN_PID"), env::var_os("LISTEN_FDS")) else {
        return Ok(Vec::new());
    };
    if number("LISTEN_PID", &pid)? != std::process::id() {
        return Ok(Vec::new());
    }
    let unusable =
        |(number, error)| format!("cannot use descriptor {number} of LISTEN_FDS: {error}");
    inherited::take(number("LISTEN_FDS", &count)?)
        .map_err(unusable)?
        .into_iter()
        .zip(inherited::FIRST..)
        .map(|(fd, number)| sockets::adopt(fd, workers).map_err(|error| unusable((number, error))))
        .collect()
}

fn number(name: &str, value: &OsStr) -> Result<u32, String> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{name}={}: expected a number", value.display()))
}

/// Where the service manager expects notices of the state of the service, if it does.
pub struct Notifier(Option<OwnedFd>);

impl Notifier {
    /// Connects to `NOTIFY_SOCKET`. To be called before the sandbox is entered, out of which no abstract socket can be
    /// reached that is not connected already.
    #[must_use]
    pub fn from_environment() -> Notifier {
        let Some(address) = env::var_os("NOTIFY_SOCKET") else {
            return Notifier(None);
        };
        match connect(&address) {
            Ok(socket) => Notifier(Some(socket)),
            Err(error) => {
                warn!(
                    "NOTIFY_SOCKET={}: {error}; the service manager gets no notice",
                    address.display()
                );
                Notifier(None)
            }
        }
    }

    /// The server serves, for the first time or again.
    pub fn ready(&self) {
        self.send("READY=1\n");
    }

    /// It reads again what can be read again; [`Notifier::ready`] follows.
    pub fn reloading(&self) {
        let now = monotonic().as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}\n"));
    }

    /// It ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    fn send(&self, state: &str) {
        let Some(socket) = &self.0 else { return };
        let sent =
            rustix::io::retry_on_intr(|| net::send(socket, state.as_bytes(), SendFlags::NOSIGNAL));
        if let Err(error) = sent {
            debug!("cannot notify the service manager: {error}");
        }
    }
}

fn connect(address: &OsString) -> io::Result<OwnedFd> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        path @ [b'/', ..] => SocketAddrUnix::new(path)?,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "neither a path nor an abstract socket",
            ));
        }
    };
    let socket = net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    net::connect(&socket, &address)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(NOTIFY_TIMEOUT))?;
    Ok(socket)
}
