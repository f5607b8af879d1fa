//! How to serve: one field for each option of the command line.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::http::cors::Cors;
use crate::http::host::Hosts;
use crate::http::prefix::{Prefix, Prefixes};
use crate::intake::Intake;
use crate::jobs::tracker::JobTerms;
use crate::limits::{APPEND_MAX, BODY_MEMORY, MIN_RATE, POLL_INTERVAL, SETTLE, WAIT_MAX};
use crate::log::line::Format;
use crate::os::network::Network;
use crate::os::sockets::Address;

/// How to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The directory.
    pub root: PathBuf,
    /// What somebody probably means after `openrange` who names this ROOT, if it is not there.
    pub likely_meant: Option<&'static str>,
    /// Where to listen. None: on the sockets that were passed, else at [`DEFAULT_ADDRESS`].
    pub listen: Vec<Address>,
    /// Those of them to which proxies connect, which begin with a PROXY header.
    pub proxied: Vec<usize>,
    /// Proxies whose word about the addresses of clients counts.
    pub trusted_proxies: Vec<Network>,
    /// Workers; `None`: one for each CPU.
    pub threads: Option<usize>,
    /// How long to wait for a request head.
    pub header_timeout: Duration,
    /// How long to wait for the next request.
    pub idle_timeout: Duration,
    /// How long to wait for a client that takes nothing; zero: for ever.
    pub send_timeout: Duration,
    /// Bytes a second that a client must take of a removed file; zero: however few.
    pub min_rate: u64,
    /// `None`: what the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// `None`: no limit.
    pub max_connections_per_address: Option<usize>,
    /// Between two looks at a file whose changes inotify does not report.
    pub poll_interval: Duration,
    /// How long a request waits at most for a name that leads nowhere; zero: not at all.
    pub wait_max: Duration,
    /// How long the server follows a file that other machines change after its name has gone.
    pub settle: Duration,
    /// Other servers of the same files; this one sends them hints.
    pub peers: Vec<SocketAddr>,
    /// Where their hints arrive.
    pub peer_listen: Option<SocketAddr>,
    /// The file with the key that all of them have.
    pub peer_key: Option<PathBuf>,
    /// A copy that a mirror has made has the tag of its original.
    pub copied_tags: bool,
    /// From the first signal to the end.
    pub grace: Duration,
    /// Where the server answers requests for metrics, clients and health.
    pub admin: Option<Address>,
    /// How much the server logs; `None`: what `RUST_LOG` says.
    pub log_level: Option<LevelFilter>,
    /// The form of a line of the log.
    pub log_format: Format,
    /// Where answers are logged in the Common Log Format; `-`: stdout.
    pub access_log: Option<PathBuf>,
    /// They are logged in the Combined Log Format.
    pub access_log_combined: bool,
    /// The directory beside a log that has its earlier generations.
    pub old_dir: Option<Box<[u8]>>,
    /// The file that keeps the rolls and truncations that the server saw.
    pub history: Option<PathBuf>,
    /// Who may read what; `None`: everybody everything.
    pub token_file: Option<PathBuf>,
    /// Whose scripts may read.
    pub cors: Option<Cors>,
    /// Which hosts requests over TCP may address; `None`: as the listeners are.
    pub hosts: Option<Hosts>,
    /// The prefixes below which clients may write.
    pub write: Prefixes,
    /// Largest body of an append.
    pub append_max: u64,
    /// The most memory for all bodies on their way.
    pub body_memory: usize,
    /// Where the server accepts jobs.
    pub jobs: Option<Prefix>,
    /// How jobs are kept.
    pub job_terms: JobTerms,
    /// The intakes: sockets, and the files to which they append.
    pub intakes: Vec<Intake>,
    /// Other machines may send too.
    pub intake_open: bool,
    /// Symbolic links may leave the directory if they end inside it.
    pub follow_links: bool,
    /// Whom to become.
    pub user: Option<String>,
    /// Give up what is not needed.
    pub sandbox: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            root: PathBuf::from("."),
            likely_meant: None,
            listen: Vec::new(),
            proxied: Vec::new(),
            trusted_proxies: Vec::new(),
            threads: None,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(300),
            min_rate: MIN_RATE,
            max_connections: None,
            max_connections_per_address: None,
            poll_interval: POLL_INTERVAL,
            wait_max: WAIT_MAX,
            settle: SETTLE,
            peers: Vec::new(),
            peer_listen: None,
            peer_key: None,
            copied_tags: false,
            grace: Duration::from_secs(10),
            admin: None,
            log_level: None,
            log_format: Format::Text,
            access_log: None,
            access_log_combined: false,
            old_dir: None,
            history: None,
            token_file: None,
            cors: None,
            hosts: None,
            write: Prefixes::default(),
            append_max: APPEND_MAX,
            body_memory: BODY_MEMORY,
            jobs: None,
            job_terms: JobTerms::default(),
            intakes: Vec::new(),
            intake_open: false,
            follow_links: false,
            user: None,
            sandbox: true,
        }
    }
}

impl Options {
    /// The first of these addresses at which anybody on another machine could write.
    #[must_use]
    pub fn open_to_all_writers<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a Address>,
    ) -> Option<&'a Address> {
        let read_only = self.write.is_empty() && self.jobs.is_none();
        let guarded = read_only || self.token_file.is_some();
        let mut addresses = addresses.into_iter().filter(|_| !guarded);
        addresses.find(|address| !address.is_local())
    }

    /// Looks for a directory where an option takes a file: most often the file was forgotten, and this is ROOT.
    ///
    /// # Errors
    /// One line that names the option.
    pub fn expect_files(&self) -> Result<(), String> {
        let files = [
            ("--token-file", &self.token_file),
            ("--access-log", &self.access_log),
            ("--history", &self.history),
            ("--peer-key", &self.peer_key),
        ];
        let taken = |(option, path): (&str, &Option<PathBuf>)| {
            let path = path.as_ref().filter(|path| path.is_dir())?;
            let path = path.display();
            Some(format!(
                "cannot use {option} {path}: a directory is not a regular file; ROOT comes after the FILE of {option}"
            ))
        };
        files.into_iter().find_map(taken).map_or(Ok(()), Err)
    }

    /// The first intake that other machines can reach although they are not to.
    #[must_use]
    pub fn open_intake(&self) -> Option<&Intake> {
        let mut intakes = self.intakes.iter().filter(|_| !self.intake_open);
        intakes.find(|intake| !intake.address.is_local())
    }
}

/// Where to listen if nothing else is said.
pub const DEFAULT_ADDRESS: Address =
    Address::Tcp(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)));
