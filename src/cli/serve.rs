//! The options of the server.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::table::{Row, Table};
use crate::http::cors::Cors;
use crate::http::host::Hosts;
use crate::http::prefix::Prefix;
use crate::limits::PEERS_MAX;
use crate::log::line::Format;
use crate::log::logger;
use crate::os::sockets::Address;
use crate::server::options::Options;

/// Most worker threads: a bound against typing errors.
const THREADS_MAX: usize = 1024;
/// Longest poll interval, a day.
const MILLISECONDS_MAX: usize = 86_400_000;

/// Largest body of an append: one write(2) takes 2 GiB less a page at most.
const APPEND_BYTES_MAX: usize = 1 << 30;

/// Options that are being parsed.
#[derive(Default)]
pub(super) struct Serve {
    pub(super) options: Options,
    root: Option<PathBuf>,
}

impl Serve {
    /// All that was said, with the defaults for what was not.
    ///
    /// # Errors
    /// One line: options that do not go together.
    pub(super) fn finish(self) -> Result<Options, String> {
        let options = Options {
            root: self.root.unwrap_or(self.options.root),
            ..self.options
        };
        if let Some(intake) = options.open_intake() {
            return Err(format!(
                "--intake: other machines can reach {intake}; say with --intake-open that they may send"
            ));
        }
        let tells = !options.peers.is_empty() || options.peer_listen.is_some();
        if tells != options.peer_key.is_some() {
            return Err(String::from(match tells {
                true => {
                    "--peer and --peer-listen need --peer-key FILE, with a secret that all servers have"
                }
                false => "--peer-key needs --peer or --peer-listen",
            }));
        }
        match options.open_to_all_writers(&options.listen) {
            Some(address) => Err(format!(
                "--write, --jobs: other machines can reach {address}; say with --token-file who may write"
            )),
            None => Ok(options),
        }
    }
}

fn root(serve: &mut Serve, value: OsString) -> Result<(), String> {
    match serve.root {
        None => serve.root = Some(value.into()),
        Some(_) => {
            let value = value.display();
            return Err(format!(
                "only one ROOT can be served, but there is also {value}"
            ));
        }
    }
    Ok(())
}

/// `openrange [OPTIONS] [ROOT]`
pub(super) const TABLE: Table<Serve> = Table {
    command: "",
    about: "\
openrange serves the regular files below a directory over HTTP/1.1. A request
with an open-ended range (`curl -N -r 0- URL`) is a subscription: it gets what
is there, then every byte as it is written, until the file is removed, renamed
or replaced.
",
    usage: "[OPTIONS] [ROOT]",
    operands: &[("ROOT", "the directory to serve (default: .)")],
    operand: root,
    options: OPTIONS,
    notes: "\
One line on stdout tells each address when the server is ready. Everything else
is logged to stderr; --log-level warn logs less, --log-level debug more.
SIGHUP reads the token file, opens the access log again and looks at ROOT; what
cannot be used changes nothing, and the log says so. SIGUSR1 logs the clients.
SIGTERM and SIGINT end the server, a second one at once.
Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot serve, 2 for wrong usage.
",
};

const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "listen",
        "ADDR",
        "IP:PORT, [IPV6]:PORT, localhost:PORT, unix:PATH or unix:PATH,mode=OCTAL for its permission bits; PORT or \
               :PORT is that port on all interfaces; may be repeated; port 0 lets the kernel choose (default: the \
               sockets that systemd passes, or 127.0.0.1:8080)",
        |serve, value| {
            let port = value.string()?;
            let port = port.strip_prefix(':').unwrap_or(&port);
            serve.options.listen.push(match port.parse() {
                Ok(port) => Address::on_all_interfaces(port),
                Err(_) => value.parse()?,
            });
            Ok(())
        },
    ),
    Row::value(
        "threads",
        "N",
        "worker threads (default: the number of CPUs)",
        |serve, value| {
            serve.options.threads = Some(value.number(1, THREADS_MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "header-timeout",
        "SECONDS",
        "for a request head to be complete (default: 30)",
        |serve, value| {
            serve.options.header_timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "idle-timeout",
        "SECONDS",
        "for a kept-alive connection to send another request (default: 60)",
        |serve, value| {
            serve.options.idle_timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "send-timeout",
        "SECONDS",
        "for a client to take at least a byte of what was sent, else it is reset; 0: for ever (default: 300)",
        |serve, value| {
            serve.options.send_timeout = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "min-rate",
        "BYTES",
        "a second that a client must take of a file that has no name any more, else it is reset when it is behind by \
               the send timeout: until the last one is gone the file takes space; 0: however few (default: 1200)",
        |serve, value| {
            serve.options.min_rate = value.number(0, usize::MAX)? as u64;
            Ok(())
        },
    ),
    Row::value(
        "max-connections",
        "N",
        "further ones are answered with 503 (default: three quarters of the descriptors that the hard limit \
               allows)",
        |serve, value| {
            serve.options.max_connections = Some(value.number(1, usize::MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "max-connections-per-address",
        "N",
        "the same for one IPv4 address or IPv6 /64 network; loopback and unix sockets are excepted (default: \
               no limit)",
        |serve, value| {
            serve.options.max_connections_per_address = Some(value.number(1, usize::MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "poll-interval",
        "MILLISECONDS",
        "between two looks at a followed file of which inotify does not tell, at most; one that grows is looked at every \
               50 ms (default: 1000)",
        |serve, value| {
            let milliseconds = value.number(1, MILLISECONDS_MAX)?;
            serve.options.poll_interval = Duration::from_millis(milliseconds as u64);
            Ok(())
        },
    ),
    Row::value(
        "wait-max",
        "SECONDS",
        "that a request with Prefer: wait=N waits at most for a file that is not there yet; 0: not at all (default: 300)",
        |serve, value| {
            serve.options.wait_max = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "settle",
        "MILLISECONDS",
        "for which a file on a network file system is followed on after its name has gone: its last bytes may come later \
               (default: 2000)",
        |serve, value| {
            let milliseconds = value.number(0, MILLISECONDS_MAX)?;
            serve.options.settle = Duration::from_millis(milliseconds as u64);
            Ok(())
        },
    ),
    Row::value(
        "peer",
        "ADDR",
        "IP:PORT of another server of the same files (its --peer-listen), which is told when files change here, so that it \
               looks at them at once; may be repeated",
        |serve, value| {
            if serve.options.peers.len() >= PEERS_MAX {
                return Err(value.wrong(format_args!("there can be {PEERS_MAX} at most")));
            }
            serve.options.peers.push(value.parse()?);
            Ok(())
        },
    ),
    Row::value(
        "peer-listen",
        "ADDR",
        "IP:PORT at which other servers tell the same by UDP",
        |serve, value| {
            serve.options.peer_listen = Some(value.parse()?);
            Ok(())
        },
    ),
    Row::value(
        "peer-key",
        "FILE",
        "with a secret of 16 to 1024 bytes, which all of them have",
        |serve, value| {
            serve.options.peer_key = Some(value.path());
            Ok(())
        },
    ),
    Row::value(
        "tags",
        "WHICH",
        "the entity tag of a file: its own, or xattr: that in its attribute user.openrange.tag, where openrange mirror \
               stores the origin's tag (default: own)",
        |serve, value| {
            serve.options.copied_tags = match value.string()?.as_str() {
                "own" => false,
                "xattr" => true,
                _ => return Err(value.wrong("expected own or xattr")),
            };
            Ok(())
        },
    ),
    Row::value(
        "grace",
        "SECONDS",
        "from SIGTERM or SIGINT to the end of whatever is still under way (default: 10)",
        |serve, value| {
            serve.options.grace = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "admin",
        "ADDR",
        "a listener of its own, like that of --listen, for /metrics, /clients and /health",
        |serve, value| {
            serve.options.admin = Some(value.parse()?);
            Ok(())
        },
    ),
    Row::value(
        "log-level",
        "LEVEL",
        "what is logged to stderr: off, error, warn, info, debug or trace (default: what the variable RUST_LOG says, or \
               info)",
        |serve, value| {
            let level = logger::level(&value.string()?);
            let wrong = || value.wrong("expected off, error, warn, info, debug or trace");
            serve.options.log_level = Some(level.ok_or_else(wrong)?);
            Ok(())
        },
    ),
    Row::value(
        "log-format",
        "FORMAT",
        "of these lines: text, or json, an object on each line (default: text)",
        |serve, value| {
            serve.options.log_format = match value.string()?.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return Err(value.wrong("expected text or json")),
            };
            Ok(())
        },
    ),
    Row::value(
        "access-log",
        "FILE",
        "a line for each answer that is complete, in the Common Log Format; - is stdout",
        |serve, value| {
            serve.options.access_log = Some(value.path());
            Ok(())
        },
    ),
    Row::value(
        "old-dir",
        "SUBDIR",
        "the directory beside a log to which its earlier generations are moved, like olddir of logrotate",
        |serve, value| {
            let given = value.path();
            let name = given.as_os_str().as_bytes();
            if given.components().count() != 1 || name.starts_with(b".") || name.contains(&b'/') {
                return Err(String::from(
                    "the name of a directory that lies beside the logs",
                ));
            }
            serve.options.old_dir = Some(name.into());
            Ok(())
        },
    ),
    Row::value(
        "history",
        "FILE",
        "keeps what was seen of rolls and truncations, so that it is known after a restart",
        |serve, value| {
            serve.options.history = Some(value.path());
            Ok(())
        },
    ),
    Row::value(
        "token-file",
        "FILE",
        "who may do what: on each line a bearer token, the path it is for if that is not everything, and its \
               rights if they are not only to read: r (read), a (append), w (write in all ways); # begins a remark",
        |serve, value| {
            serve.options.token_file = Some(value.path());
            Ok(())
        },
    ),
    Row::value(
        "cors",
        "ORIGIN",
        "scripts of this site (https://example.org) may read; *: those of every site",
        |serve, value| {
            let cors = Cors::parse(&value.string()?).map_err(|why| value.wrong(why))?;
            serve.options.cors = Some(cors);
            Ok(())
        },
    ),
    Row::value(
        "host",
        "NAME",
        "requests over TCP may address this name, besides IP addresses and localhost; may be repeated; *: any \
               (default: none if all listeners are loopback and there is no --token-file, else any)",
        |serve, value| {
            let host = Hosts::parse(&value.string()?).map_err(|why| value.wrong(why))?;
            let hosts = &mut serve.options.hosts;
            *hosts = Some(match hosts.take() {
                Some(others) => others.and(host),
                None => host,
            });
            Ok(())
        },
    ),
    Row::value(
        "write",
        "PREFIX",
        "names below this path may be written by POST, PATCH, PUT, MOVE and DELETE; may be repeated. Without \
               --token-file only on listeners that no other machine reaches (default: nothing may be written)",
        |serve, value| {
            let prefix = Prefix::parse(value.string()?.as_bytes());
            serve
                .options
                .write
                .add(prefix.map_err(|why| value.wrong(why))?);
            Ok(())
        },
    ),
    Row::value(
        "append-max",
        "BYTES",
        "largest body of a POST or PATCH (default: 1048576)",
        |serve, value| {
            serve.options.append_max = value.number(1, APPEND_BYTES_MAX)? as u64;
            Ok(())
        },
    ),
    Row::value(
        "body-memory",
        "BYTES",
        "what all bodies that are being received hold together; further ones are answered with 503 (default: \
               67108864)",
        |serve, value| {
            serve.options.body_memory = value.number(1, usize::MAX)?;
            Ok(())
        },
    ),
    Row::value(
        "jobs",
        "PREFIX",
        "a POST to this path, which must be a directory, is a request to a worker, and its response is the worker's \
               answer; see openrange work. Without --token-file only on listeners that no other machine reaches \
               (default: no jobs)",
        |serve, value| {
            let prefix = Prefix::parse(value.string()?.as_bytes());
            let prefix = prefix.map_err(|why| value.wrong(why))?;
            if prefix.name().is_empty() {
                return Err(value.wrong("jobs need a directory of their own below ROOT"));
            }
            serve.options.jobs = Some(prefix);
            Ok(())
        },
    ),
    Row::value(
        "job-timeout",
        "SECONDS",
        "until the deadline of a job whose request names none (default: 3600)",
        |serve, value| {
            serve.options.job_terms.timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "job-keep",
        "SECONDS",
        "how long the files of an ended job stay (default: 604800)",
        |serve, value| {
            serve.options.job_terms.keep = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "jobs-max",
        "N",
        "open jobs; further ones are answered with 503 (default: 10000)",
        |serve, value| {
            serve.options.job_terms.most = value.number(1, usize::MAX)?;
            Ok(())
        },
    ),
    Row::value(
        "intake",
        "ADDR=/NAME",
        "append what arrives at ADDR to the file with this name: lines on connections to tcp:IP:PORT or unix:PATH, \
               datagrams, each a line, at udp:IP:PORT or unix-dgram:PATH; PATH may have ,mode=OCTAL at its end; may be \
               repeated (default: nothing is received)",
        |serve, value| {
            serve.options.intakes.push(value.parse()?);
            Ok(())
        },
    ),
    Row::flag(
        "intake-open",
        "other machines may send to --intake too",
        |serve| serve.options.intake_open = true,
    ),
    Row::value(
        "follow-links",
        "WHERE",
        "inside: symbolic links may leave ROOT, for example as an absolute path, if they end inside it (default: a link \
               that leaves ROOT is followed nowhere)",
        |serve, value| {
            serve.options.follow_links = match value.string()?.as_str() {
                "inside" => true,
                _ => return Err(value.wrong("expected inside")),
            };
            Ok(())
        },
    ),
    Row::value(
        "user",
        "NAME",
        "become this user (or UID:GID) once all is bound",
        |serve, value| {
            serve.options.user = Some(value.string()?);
            Ok(())
        },
    ),
    Row::flag(
        "no-sandbox",
        "keep the access to files that is given up otherwise (Landlock: nothing but reading below ROOT is left)",
        |serve| serve.options.sandbox = false,
    ),
    Row::HELP,
    Row::VERSION,
];
