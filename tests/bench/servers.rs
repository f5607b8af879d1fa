//! Servers as processes of their own, on a core of their own: openrange, the bare loop, and whoever else is installed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::dialect::Dialect;
use super::machine::{PATIENCE, pin};
use super::peers;
use super::producers::Records;
use super::settings::Settings;
use super::site::{Site, topic};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Openrange,
    /// The same, whose subscribers ask for events.
    Events,
    /// Another openrange, beside this one: `--former`.
    Former,
    /// The same of its event streams.
    FormerEvents,
    /// The bare loop; a tail's bytes by send(2).
    Bare,
    /// The same by sendfile(2).
    BareSendfile,
    Nginx,
    Lighttpd,
    Nchan,
    Redis,
    Nats,
    Tailsrv,
    /// durable-streams that keeps what it gets in the page cache.
    Durable,
    /// The same with its write-ahead log: what it acknowledges is on disk.
    DurableWal,
    /// No server: one thread that appends, with one fdatasync(2) for many records.
    Batches,
}

use Kind::{
    Bare, BareSendfile, Batches, Durable, DurableWal, Events, Former, FormerEvents, Lighttpd, Nats,
    Nchan, Nginx, Openrange, Redis, Tailsrv,
};

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Openrange => "openrange",
            Events => "openrange events",
            Former => "former",
            FormerEvents => "former events",
            Bare => "bare",
            BareSendfile => "bare sendfile",
            Nginx => "nginx",
            Lighttpd => "lighttpd",
            Nchan => "nchan",
            Redis => "redis",
            Nats => "nats",
            Tailsrv => "tailsrv",
            Durable => "durable-streams",
            DurableWal => "durable-streams wal",
            Batches => "batches",
        }
    }

    /// Made of this repository: it says where it listens.
    pub fn is_ours(self) -> bool {
        let bare = matches!(self, Bare | BareSendfile | Batches);
        bare || matches!(self, Openrange | Events | Former | FormerEvents)
    }

    fn dialect(self) -> Dialect {
        match self {
            Openrange | Former => Dialect::Ranges,
            Events | FormerEvents => Dialect::Events,
            Bare | BareSendfile | Batches => Dialect::Bare,
            Nginx | Lighttpd => Dialect::Files,
            Nchan => Dialect::Nchan,
            Redis => Dialect::Redis,
            Nats => Dialect::Nats,
            Tailsrv => Dialect::Tailsrv,
            Durable | DurableWal => Dialect::Durable,
        }
    }
}

/// What a server shall be ready for.
#[derive(Default)]
pub struct Plan {
    /// Topics that the bare loop follows.
    pub topics: usize,
    /// How many connections in a row follow the same one, as far as there are others.
    pub tails_each: usize,
    /// The file that the bare loop answers with.
    pub answer: Option<&'static str>,
    /// Connections at a time.
    pub connections: usize,
    /// Workers of openrange and the bare loop; 0 is taken for 1. More than one get both cores.
    pub workers: usize,
    /// What is published to the server itself, if anything is.
    pub records: Option<Records>,
    /// The directory of openrange's jobs, if there are any.
    pub jobs: Option<&'static str>,
    /// Where openrange receives datagrams, if it does.
    pub intake: Option<Intake>,
}

/// A port for datagrams, which become lines of [`Intake::FILE`].
#[derive(Clone, Copy)]
pub struct Intake {
    pub port: u16,
}

impl Intake {
    pub const FILE: &str = "received";

    pub fn free() -> Intake {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        Intake { port }
    }
}

/// A running server; ended when it is dropped.
pub struct Server {
    child: Child,
    pub dialect: Dialect,
    pub address: SocketAddr,
    /// Where files are asked for.
    pub files: SocketAddr,
    /// From the start of the process to the moment when it said that it was ready or could be connected to.
    pub ready: Duration,
}

impl Server {
    /// # Errors
    /// Why it does not run.
    pub fn start(
        kind: Kind,
        settings: &Settings,
        site: &Site,
        plan: &Plan,
    ) -> Result<Server, String> {
        let cores = [settings.cores.server, settings.cores.load];
        let count = if plan.workers > 1 { 2 } else { 1 };
        match kind {
            Openrange | Events | Former | FormerEvents => {
                let former = settings.former.as_ref();
                let former = former.filter(|_| matches!(kind, Former | FormerEvents));
                let mut command = Command::new(former.unwrap_or(&settings.binary));
                if plan.records.is_some() {
                    command.args(["--write", "/"]);
                }
                if let Some(jobs) = plan.jobs {
                    command.args(["--jobs", &format!("/{jobs}")]);
                }
                if let Some(Intake { port }) = plan.intake {
                    let intake = format!("udp:127.0.0.1:{port}=/{}", Intake::FILE);
                    command.args(["--intake", &intake]);
                }
                command
                    .args(["--listen", "127.0.0.1:0", "--threads"])
                    .arg(plan.workers.max(1).to_string())
                    .arg(site.root())
                    // The others' request logs are off, too.
                    .env("RUST_LOG", "warn");
                Server::announced(kind, command, site, &cores[..count])
            }
            Bare | BareSendfile => {
                let mut command = Command::new(std::env::current_exe().expect("this program"));
                if let Some(records) = plan.records {
                    let fsync = if records.fsync { "fsync" } else { "-" };
                    let files = (0..records.topics).map(|number| site.file(&topic(number)));
                    command.args(["bare-append", fsync, &records.size.to_string()]);
                    command.args(files);
                    return Server::announced(kind, command, site, &cores[..1]);
                }
                let way = if kind == Bare { "send" } else { "sendfile" };
                let answer = plan
                    .answer
                    .map_or(PathBuf::from("-"), |name| site.file(name));
                let topics = (0..plan.topics).map(|number| site.file(&topic(number)));
                let workers = plan.workers.max(1).to_string();
                command.args(["bare", &workers, way]).arg(answer);
                command.arg(plan.tails_each.max(1).to_string()).args(topics);
                Server::announced(kind, command, site, &cores[..count])
            }
            Batches => Err("it is no server".into()),
            _ => {
                let port = free_port();
                let command = peers::command(kind, site, port, plan)?;
                Server::connectable(kind, command, site, &cores[..1], port)
            }
        }
    }

    /// One that prints its address, or two of them.
    fn announced(
        kind: Kind,
        command: Command,
        site: &Site,
        cores: &[usize],
    ) -> Result<Server, String> {
        let started = Instant::now();
        let mut child = spawn(kind, command, site, cores)?;
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| error.to_string())?;
        let addresses: Vec<SocketAddr> = line
            .split([' ', '/', '\n'])
            .filter_map(|word| word.parse().ok())
            .collect();
        let server = |address, files| Server {
            child,
            dialect: kind.dialect(),
            address,
            files,
            ready: started.elapsed(),
        };
        match addresses[..] {
            [address] => Ok(server(address, address)),
            [address, files] => Ok(server(address, files)),
            _ => Err(format!(
                "{} said {line:?}: see {}",
                kind.name(),
                log(kind, site).display()
            )),
        }
    }

    /// One that says nothing.
    fn connectable(
        kind: Kind,
        command: Command,
        site: &Site,
        cores: &[usize],
        port: u16,
    ) -> Result<Server, String> {
        let started = Instant::now();
        let child = spawn(kind, command, site, cores)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Server {
            child,
            dialect: kind.dialect(),
            address,
            files: address,
            ready: Duration::ZERO,
        };
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > PATIENCE || !matches!(server.child.try_wait(), Ok(None)) {
                let log = std::fs::read_to_string(log(kind, site)).unwrap_or_default();
                return Err(log.lines().last().unwrap_or("it does not listen").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.ready = started.elapsed();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How to ask for whole files.
    pub fn whole_files(&self) -> Dialect {
        match self.dialect {
            Dialect::Bare => Dialect::Bare,
            _ => Dialect::Files,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(kind: Kind, mut command: Command, site: &Site, cores: &[usize]) -> Result<Child, String> {
    let log: OwnedFd = File::create(log(kind, site)).expect("a log").into();
    command
        .current_dir(site.own("."))
        .stdin(Stdio::null())
        .stderr(log);
    if kind.is_ours() {
        command.stdout(Stdio::piped());
    } else {
        command.stdout(Stdio::null());
    }
    // A child and all its threads inherit it; this thread goes back to where it was.
    let before = rustix::thread::sched_getaffinity(None).expect("cores");
    pin(cores);
    let child = command.spawn();
    rustix::thread::sched_setaffinity(None, &before).expect("cores");
    child.map_err(|error| format!("{}: {error}", command.get_program().display()))
}

fn log(kind: Kind, site: &Site) -> PathBuf {
    site.own(&format!("{}.log", kind.name()))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
