//! How to serve: one field for each option of the command line.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use crate::http::cors::Cors;
use crate::http::host::Hosts;
use crate::limits::POLL_INTERVAL;
use crate::os::sockets::Address;

/// How to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The directory.
    pub root: PathBuf,
    /// Where to listen. None: on the sockets that were passed, else at [`DEFAULT_ADDRESS`].
    pub listen: Vec<Address>,
    /// Workers; `None`: one for each CPU.
    pub threads: Option<usize>,
    /// How long to wait for a request head.
    pub header_timeout: Duration,
    /// How long to wait for the next request.
    pub idle_timeout: Duration,
    /// How long to wait for a client that takes nothing; zero: for ever.
    pub send_timeout: Duration,
    /// `None`: what the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// `None`: no limit.
    pub max_connections_per_address: Option<usize>,
    /// Between two looks at a file of which inotify does not tell.
    pub poll_interval: Duration,
    /// From the first signal to the end.
    pub grace: Duration,
    /// Where metrics, clients and health are told.
    pub admin: Option<Address>,
    /// Where answers are logged in the Common Log Format; `-`: stdout.
    pub access_log: Option<PathBuf>,
    /// Who may read what; `None`: everybody everything.
    pub token_file: Option<PathBuf>,
    /// Whose scripts may read.
    pub cors: Option<Cors>,
    /// Which hosts requests over TCP may address; `None`: as the listeners are.
    pub hosts: Option<Hosts>,
    /// Whom to become.
    pub user: Option<String>,
    /// Give up what is not needed.
    pub sandbox: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            root: PathBuf::from("."),
            listen: Vec::new(),
            threads: None,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(300),
            max_connections: None,
            max_connections_per_address: None,
            poll_interval: POLL_INTERVAL,
            grace: Duration::from_secs(10),
            admin: None,
            access_log: None,
            token_file: None,
            cors: None,
            hosts: None,
            user: None,
            sandbox: true,
        }
    }
}

/// Where to listen if nothing else is said.
pub const DEFAULT_ADDRESS: Address =
    Address::Tcp(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)));
