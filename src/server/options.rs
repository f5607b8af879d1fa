//! The server's configuration: one field for each option of the command line.

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

/// The server's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// ROOT: the directory to serve.
    pub root: PathBuf,
    /// What the user probably meant to type after `openrange`, should ROOT not exist.
    pub likely_meant: Option<&'static str>,
    /// `--listen`; empty: the sockets that systemd passed, else [`DEFAULT_ADDRESS`].
    pub listen: Vec<Address>,
    /// Indices in `listen` of the addresses with `,proxy`: connections there begin with a PROXY header.
    pub proxied: Vec<usize>,
    /// `--trusted-proxy`: from where the server believes `X-Forwarded-For`.
    pub trusted_proxies: Vec<Network>,
    /// `--threads`: the number of workers; `None`: one per CPU.
    pub threads: Option<usize>,
    /// `--header-timeout`: the longest wait for a complete request head.
    pub header_timeout: Duration,
    /// `--idle-timeout`: the longest wait for the next request of a kept-alive connection.
    pub idle_timeout: Duration,
    /// `--send-timeout`: the longest wait for a client that accepts no data; zero: forever.
    pub send_timeout: Duration,
    /// `--min-rate`: bytes a second that a reader of a removed file must accept; zero: no minimum.
    pub min_rate: u64,
    /// `--max-connections`; `None`: what the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// `--max-connections-per-address`; `None`: no limit.
    pub max_connections_per_address: Option<usize>,
    /// `--poll-interval`: the longest time between two checks of a file whose changes inotify does not report.
    pub poll_interval: Duration,
    /// `--wait-max`: the longest wait of a request for a missing name; zero: none.
    pub wait_max: Duration,
    /// `--settle`: how long the server still follows a file on a network file system after its name is gone.
    pub settle: Duration,
    /// `--peer`: other servers of the same files, to which this one sends hints.
    pub peers: Vec<SocketAddr>,
    /// `--peer-listen`: where their hints arrive (UDP).
    pub peer_listen: Option<SocketAddr>,
    /// `--peer-key`: the file with the secret that they all share.
    pub peer_key: Option<PathBuf>,
    /// `--tags xattr`: a copy made by a mirror has the tag of its original.
    pub copied_tags: bool,
    /// `--grace`: the longest time from the first SIGTERM or SIGINT to the end.
    pub grace: Duration,
    /// `--admin`: where the server answers requests for metrics, clients and health.
    pub admin: Option<Address>,
    /// `--log-level`; `None`: what `RUST_LOG` says.
    pub log_level: Option<LevelFilter>,
    /// `--log-format`: the format of the lines on stderr.
    pub log_format: Format,
    /// `--access-log`: a file; `-`: stdout.
    pub access_log: Option<PathBuf>,
    /// `--access-log-format combined`: the Combined Log Format, not the Common one.
    pub access_log_combined: bool,
    /// `--old-dir`: the name of the directory beside a log that holds its earlier generations.
    pub old_dir: Option<Box<[u8]>>,
    /// `--history`: the file that records the rolls and truncations that the server sees.
    pub history: Option<PathBuf>,
    /// `--token-file`; `None`: everybody may read everything.
    pub token_file: Option<PathBuf>,
    /// `--cors`: whose scripts may read.
    pub cors: Option<Cors>,
    /// `--host`: host names that requests over TCP may address; `None`: it depends on the listeners.
    pub hosts: Option<Hosts>,
    /// `--write`: the prefixes below which clients may write.
    pub write: Prefixes,
    /// `--append-max`: the largest body of an append, in bytes.
    pub append_max: u64,
    /// `--body-memory`: the most memory for all request bodies in flight, in bytes.
    pub body_memory: usize,
    /// `--jobs`: the path at which the server accepts jobs.
    pub jobs: Option<Prefix>,
    /// `--job-timeout`, `--job-keep` and `--jobs-max`.
    pub job_terms: JobTerms,
    /// `--intake`: sockets, and the files to which they append.
    pub intakes: Vec<Intake>,
    /// `--intake-open`: other machines may send to intakes too.
    pub intake_open: bool,
    /// `--follow-links inside`: symbolic links may leave ROOT if they end inside it.
    pub follow_links: bool,
    /// `--user`: the user that the process becomes once it has bound its addresses.
    pub user: Option<String>,
    /// False with `--no-sandbox`: the process keeps its access to files and system calls.
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
