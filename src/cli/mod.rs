//! The command line: arguments to [`Options`], and the usage text, which is the manual.

pub mod follow;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::http::cors::Cors;
use crate::limits::POLL_INTERVAL;
use crate::os::sockets::Address;

/// The usage text.
pub const USAGE: &str = "\
openrange serves the regular files below a directory over HTTP/1.1. A request
with an open-ended range (`curl -N -r 0- URL`) is a subscription: it gets what
is there, then every byte as it is written, until the file is removed, renamed
or replaced.

Usage: openrange [OPTIONS] [ROOT]

  ROOT                      the directory to serve (default: .)

Options:
  --listen ADDR             IP:PORT, [IPV6]:PORT, localhost:PORT, unix:PATH or
                            unix:PATH,mode=OCTAL for its permission bits;
                            may be repeated; port 0 lets the kernel choose
                            (default: the sockets that systemd passes, or
                            127.0.0.1:8080)
  --threads N               worker threads (default: the number of CPUs)
  --header-timeout SECONDS  for a request head to be complete (default: 30)
  --idle-timeout SECONDS    for a kept-alive connection to send another request
                            (default: 60)
  --send-timeout SECONDS    for a client to take at least a byte of what was
                            sent, else it is reset; 0: for ever (default: 300)
  --max-connections N       further ones are answered with 503 (default: three
                            quarters of the descriptors that the hard limit
                            allows)
  --max-connections-per-address N
                            the same for one IPv4 address or IPv6 /64 network;
                            loopback and unix sockets are excepted (default: no
                            limit)
  --poll-interval MILLISECONDS
                            between two looks at a followed file of which
                            inotify does not tell (default: 1000)
  --grace SECONDS           from SIGTERM or SIGINT to the end of whatever is
                            still under way (default: 10)
  --admin ADDR              a listener of its own, like that of --listen, for
                            /metrics, /clients and /health
  --access-log FILE         a line for each answer that is complete, in the
                            Common Log Format; - is stdout
  --token-file FILE         who may read: on each line a bearer token and, if it
                            is not for everything, the path it is for; # begins
                            a remark
  --cors ORIGIN             scripts of this site (https://example.org) may read;
                            *: those of every site
  --user NAME               become this user (or UID:GID) once all is bound
  --no-sandbox              keep the access to files that is given up otherwise
                            (Landlock: nothing but reading below ROOT is left)
  -h, --help                print this
  -V, --version             print the version

One line on stdout tells each address when the server is ready. Everything else
is logged to stderr; RUST_LOG=warn logs less, RUST_LOG=debug more.
SIGHUP reads the token file and opens the access log again; what cannot be used
changes nothing, and the log says so. SIGUSR1 logs the clients. SIGTERM and
SIGINT end the server, a second one at once.
Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot serve, 2 for wrong usage.
";

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// Serve.
    Serve(Box<Options>),
}

/// How to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The directory.
    pub root: PathBuf,
    /// Where to listen. None: on the sockets that were passed, else at [`DEFAULT_ADDRESS`].
    pub listen: Vec<Address>,
    /// Workers; `None`: one for each CPU.
    pub threads: Option<usize>,
    /// See [`USAGE`].
    pub header_timeout: Duration,
    /// See [`USAGE`].
    pub idle_timeout: Duration,
    /// Zero: never.
    pub send_timeout: Duration,
    /// `None`: what the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// `None`: no limit.
    pub max_connections_per_address: Option<usize>,
    /// See [`USAGE`].
    pub poll_interval: Duration,
    /// See [`USAGE`].
    pub grace: Duration,
    /// Where metrics, clients and health are told.
    pub admin: Option<Address>,
    /// Where answers are logged in the Common Log Format; `-`: stdout.
    pub access_log: Option<PathBuf>,
    /// Who may read what; `None`: everybody everything.
    pub token_file: Option<PathBuf>,
    /// Whose scripts may read.
    pub cors: Option<Cors>,
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
            user: None,
            sandbox: true,
        }
    }
}

/// Where to listen if nothing else is said.
pub const DEFAULT_ADDRESS: Address =
    Address::Tcp(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)));

/// Most worker threads: a bound against typing errors.
const THREADS_MAX: usize = 1024;
/// Longest timeout, ten years: a bound against arithmetic overflow.
const SECONDS_MAX: u64 = 320_000_000;

/// Longest poll interval, a day.
const MILLISECONDS_MAX: usize = 86_400_000;

/// Parses the arguments after the program's name.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut root = None;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(explain)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("listen") => options.listen.push(address(&mut parser, "--listen")?),
            Long("threads") => {
                options.threads = Some(count(&mut parser, "--threads", THREADS_MAX)?)
            }
            Long("header-timeout") => {
                options.header_timeout = positive(&mut parser, "--header-timeout")?
            }
            Long("idle-timeout") => options.idle_timeout = positive(&mut parser, "--idle-timeout")?,
            Long("send-timeout") => options.send_timeout = seconds(&mut parser, "--send-timeout")?,
            Long("max-connections") => {
                options.max_connections =
                    Some(count(&mut parser, "--max-connections", usize::MAX)?);
            }
            Long("max-connections-per-address") => {
                let name = "--max-connections-per-address";
                options.max_connections_per_address = Some(count(&mut parser, name, usize::MAX)?);
            }
            Long("poll-interval") => {
                let milliseconds = count(&mut parser, "--poll-interval", MILLISECONDS_MAX)?;
                options.poll_interval = Duration::from_millis(milliseconds as u64);
            }
            Long("admin") => options.admin = Some(address(&mut parser, "--admin")?),
            Long("access-log") => options.access_log = Some(path(&mut parser)?),
            Long("token-file") => options.token_file = Some(path(&mut parser)?),
            Long("cors") => {
                let text = string(&mut parser)?;
                let cors = Cors::parse(&text).map_err(|why| format!("--cors {text}: {why}"))?;
                options.cors = Some(cors);
            }
            Long("user") => options.user = Some(string(&mut parser)?),
            Long("no-sandbox") => options.sandbox = false,
            Long("grace") => options.grace = seconds(&mut parser, "--grace")?,
            Value(value) if root.is_none() => root = Some(PathBuf::from(value)),
            Value(value) => {
                return Err(format!(
                    "only one ROOT can be served, but there is also {}",
                    value.display()
                ));
            }
            other => return Err(explain(other.unexpected())),
        }
    }
    options.root = root.unwrap_or(options.root);
    Ok(Command::Serve(Box::new(options)))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn explain(error: lexopt::Error) -> String {
    format!("{error}; openrange --help tells the options")
}

fn string(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().map_err(explain)?.string().map_err(explain)
}

fn address(parser: &mut lexopt::Parser, name: &str) -> Result<Address, String> {
    let text = string(parser)?;
    text.parse().map_err(|why| format!("{name} {text}: {why}"))
}

fn path(parser: &mut lexopt::Parser) -> Result<PathBuf, String> {
    Ok(parser.value().map_err(explain)?.into())
}

fn count(parser: &mut lexopt::Parser, name: &str, most: usize) -> Result<usize, String> {
    let text = string(parser)?;
    match text.parse() {
        Ok(number) if number >= 1 && number <= most => Ok(number),
        _ if most == usize::MAX => Err(format!("{name} {text}: expected a number from 1")),
        _ => Err(format!("{name} {text}: expected a number from 1 to {most}")),
    }
}

fn positive(parser: &mut lexopt::Parser, name: &str) -> Result<Duration, String> {
    match seconds(parser, name)? {
        Duration::ZERO => Err(format!("{name} 0: expected more than 0 seconds")),
        duration => Ok(duration),
    }
}

fn seconds(parser: &mut lexopt::Parser, name: &str) -> Result<Duration, String> {
    let text = string(parser)?;
    decimal(&text).ok_or_else(|| {
        format!("{name} {text}: expected a number of seconds from 0 to {SECONDS_MAX}")
    })
}

/// `1`, `0.25` or `.5`, to the nanosecond below. Without floating point, of which the parser is 30 KB of the binary.
fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let seconds = match whole {
        "" => 0,
        whole => whole.parse().ok().filter(|&n| n <= SECONDS_MAX)?,
    };
    let nanoseconds = (0..9).fold(0, |sum, place| {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        sum * 10 + u32::from(digit)
    });
    Some(Duration::new(seconds, nanoseconds))
}
