//! The server as a whole: binds, starts the workers, announces, and ends them.

pub mod admin;
pub mod options;
pub mod reload;
pub mod systemd;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use log::{debug, error, info, warn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};

use crate::connection::Timeouts;
use crate::limits::{
    ACCESS_LOG_PATIENCE, ADMIN_PATIENCE, CACHED_FILES_MAX, CACHED_FILES_SHARE, CLIENTS_MAX,
};
use crate::log::stderr;
use crate::os::epoll::Waker;
use crate::os::privileges::{self, Keep, Sandbox};
use crate::os::sockets::{self, Address, Bound};
use crate::store::generations::families::Families;
use crate::store::generations::finder::Finder;
use crate::store::generations::scan::Scanner;
use crate::store::root::Files;
use crate::store::truncations::Truncations;
use crate::worker::admission::Admission;
use crate::worker::inspect::Inspector;
use crate::worker::{Shared, Worker, WorkerBuilder};
use options::{DEFAULT_ADDRESS, Options};
use reload::Reload;
use systemd::Notifier;

/// Descriptors that are not connections or served files: standard streams, signals, and for each worker poller, timer,
/// wake-up, inotify, root and listeners.
const DESCRIPTORS: u64 = 16;
const DESCRIPTORS_OF_WORKER: u64 = 8;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// One line that names what cannot be used. Nothing is left behind then.
pub fn run(options: &Options) -> Result<(), String> {
    let threads = options
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    // Before anything is opened, which could get the number of a descriptor that was announced and is not there.
    let passed = systemd::passed_sockets(threads)?;
    stderr::prepare();
    let mut reload = Reload::load(options)?;
    let shared = share(options, threads, &reload);
    raise_descriptor_limit();
    // Before anything is announced, so that whoever reads the announcement may send a signal.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        .map_err(|error| format!("cannot handle signals: {error}"))?;
    let notifier = Notifier::from_environment();
    let Built {
        workers,
        mut bound,
        admin,
    } = build(options, threads, passed, &shared)?;
    let asked = workers
        .iter()
        .map(|worker| (worker.waker(), worker.mailbox()));
    let inspector = Arc::new(Inspector::new(asked.collect()));
    reload.start()?;
    announce(&bound);
    if let Some(admin) = admin {
        bound.push(start_admin(admin, &inspector, &shared)?);
    }
    info!(
        "serving {} with {threads} threads, up to {} connections",
        options.root.display(),
        shared.max_connections
    );

    let wakers: Vec<Waker> = workers.iter().map(WorkerBuilder::waker).collect();
    let running = Arc::new(AtomicUsize::new(workers.len()));
    let handle = signals.handle();
    let threads: Vec<_> = workers
        .into_iter()
        .map(|worker| spawn(worker, Arc::clone(&running), handle.clone()))
        .collect();
    notifier.ready();
    let master = Master {
        shared: &shared,
        wakers,
        notifier,
        reload,
        inspector,
    };
    master.wait(signals, bound);
    let result = join(threads, &shared);
    if let Some(log) = &shared.access_log {
        log.finish(ACCESS_LOG_PATIENCE);
    }
    result
}

fn share(options: &Options, threads: usize, reload: &Reload) -> Arc<Shared> {
    let most = options
        .max_connections
        .unwrap_or_else(|| default_connections(threads));
    Arc::new(Shared {
        timeouts: Timeouts {
            header: options.header_timeout,
            idle: options.idle_timeout,
        },
        send_timeout: options.send_timeout,
        grace: options.grace,
        poll_interval: options.poll_interval,
        cors: options.cors.clone(),
        access_log: reload.access_log(),
        tokens: reload.tokens(),
        admission: Admission::new(most, options.max_connections_per_address),
        max_connections: most,
        cached_files: cached_files(threads),
        signals: AtomicUsize::new(0),
    })
}

fn join(threads: Vec<JoinHandle<io::Result<()>>>, shared: &Shared) -> Result<(), String> {
    let mut result = match shared.signals.load(Ordering::Acquire) {
        0 | 1 => Ok(()),
        _ => Err(String::from("ended at once by a second signal")),
    };
    for thread in threads {
        if let Err(error) = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
        {
            error!("a worker failed: {error}");
            result = Err(format!("a worker failed: {error}"));
        }
    }
    result
}

/// A server that does not run yet.
struct Built {
    workers: Vec<WorkerBuilder>,
    bound: Vec<Bound>,
    admin: Option<Bound>,
}

/// All that can fail, before anybody is told that the server is there.
fn build(
    options: &Options,
    threads: usize,
    passed: Vec<Bound>,
    shared: &Arc<Shared>,
) -> Result<Built, String> {
    let truncations = Arc::new(Truncations::default());
    let open = |root: &Path| {
        Files::open(root, Arc::clone(&truncations)).map_err(|error| {
            format!(
                "cannot serve {}: {error}; ROOT must be a readable directory",
                root.display()
            )
        })
    };
    let families = Families::default();
    let finder = Finder::new(Scanner::new(open(&options.root)?, families.clone()));
    let mut bound = passed;
    let addresses = match options.listen.as_slice() {
        [] if bound.is_empty() => &[DEFAULT_ADDRESS],
        addresses => addresses,
    };
    for address in addresses {
        bound.push(sockets::bind(address, threads).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --listen")
        })?);
    }
    let admin = match &options.admin {
        Some(address) => Some(sockets::bind(address, 1).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --admin")
        })?),
        None => None,
    };
    give_up_privileges(options)?;
    let mut workers = Vec::new();
    for _ in 0..threads {
        let listeners = bound.iter_mut().filter_map(Bound::take).collect();
        let worker = WorkerBuilder::new(
            Arc::clone(shared),
            open(&options.root)?,
            listeners,
            families.clone(),
            finder.clone(),
        );
        workers.push(worker.map_err(|error| {
            format!("cannot start {threads} threads: {error}; try fewer --threads")
        })?);
    }
    Ok(Built {
        workers,
        bound,
        admin,
    })
}

/// Before the first byte of a client is read, and while there is only this thread.
fn give_up_privileges(options: &Options) -> Result<(), String> {
    match &options.user {
        Some(user) => privileges::become_user(user)?,
        None if privileges::is_root() => {
            warn!(
                "running as root: --user NAME would become another user when everything is bound"
            );
        }
        None => {}
    }
    if !options.sandbox {
        return Ok(());
    }
    let sockets = options
        .listen
        .iter()
        .chain(&options.admin)
        .filter_map(|address| match address {
            Address::Unix { path, .. } => Some((path.as_path(), Keep::Remove)),
            Address::Tcp(_) => None,
        });
    let tokens = options.token_file.iter().map(|path| (&**path, Keep::Read));
    let log = options
        .access_log
        .iter()
        .filter(|path| path.as_os_str() != "-");
    let log = log.map(|path| (&**path, Keep::Write));
    match privileges::sandbox(&options.root, sockets.chain(tokens).chain(log)) {
        Ok(Sandbox::Landlock(abi)) => {
            debug!("restricted to reading below ROOT by Landlock, version {abi}")
        }
        Ok(Sandbox::Missing) => {
            warn!("this kernel has no Landlock: the process keeps its access to other files")
        }
        Err(error) => {
            return Err(format!(
                "cannot restrict the process: {error}; --no-sandbox does without"
            ));
        }
    }
    Ok(())
}

fn announce(bound: &[Bound]) {
    let mut stdout = io::stdout().lock();
    for bound in bound {
        // Nobody may be reading; that is no reason not to serve.
        let _ = writeln!(stdout, "listening on {}", bound.address);
    }
    let _ = stdout.flush();
}

fn start_admin(
    mut bound: Bound,
    inspector: &Arc<Inspector>,
    shared: &Arc<Shared>,
) -> Result<Bound, String> {
    let listener = bound.take().expect("one listener was asked for");
    listener
        .into_blocking()
        .and_then(|listener| admin::start(listener, Arc::clone(inspector), Arc::clone(shared)))
        .map_err(|error| format!("cannot serve {}: {error}", bound.address))?;
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "admin on {}", bound.address);
    let _ = stdout.flush();
    Ok(bound)
}

fn spawn(
    worker: WorkerBuilder,
    running: Arc<AtomicUsize>,
    signals: Handle,
) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        let result = worker.build().and_then(Worker::run);
        // The last one ends the wait of the main thread; a failure ends it at once.
        if running.fetch_sub(1, Ordering::AcqRel) == 1 || result.is_err() {
            signals.close();
        }
        result
    })
}

/// The main thread while there are workers.
struct Master<'a> {
    shared: &'a Shared,
    wakers: Vec<Waker>,
    notifier: Notifier,
    reload: Reload,
    inspector: Arc<Inspector>,
}

impl Master<'_> {
    /// Obeys signals until the last worker has ended.
    fn wait(&self, mut signals: Signals, bound: Vec<Bound>) {
        for signal in signals.forever() {
            match signal {
                SIGHUP => {
                    self.notifier.reloading();
                    self.reload.again();
                    self.notifier.ready();
                }
                SIGUSR1 => self.log_clients(),
                _ => {
                    if !self.end(signal) {
                        drop(bound);
                        std::process::exit(1);
                    }
                }
            }
        }
        // A worker that failed leaves the others to be ended.
        if self.shared.signals.fetch_max(1, Ordering::AcqRel) == 0 {
            self.notifier.stopping();
        }
        wake(&self.wakers);
    }

    /// The first signal begins the end, the second one hurries it, and with the third one nobody waits for the workers.
    fn end(&self, signal: i32) -> bool {
        match self.shared.signals.fetch_add(1, Ordering::AcqRel) {
            0 => {
                self.notifier.stopping();
                info!("signal {signal}: ending within {:?}", self.shared.grace);
            }
            1 => info!("signal {signal} again: ending at once"),
            _ => return false,
        }
        wake(&self.wakers);
        true
    }

    fn log_clients(&self) {
        let Some(report) = self.inspector.ask(CLIENTS_MAX, ADMIN_PATIENCE) else {
            return warn!("SIGUSR1: a worker does not answer");
        };
        let connections: u64 = report.states.iter().sum();
        info!(
            "SIGUSR1: {} of {connections} connections",
            report.clients.len()
        );
        for line in admin::lines(&report) {
            info!("{line}");
        }
    }
}

fn wake(wakers: &[Waker]) {
    for waker in wakers {
        waker.wake();
    }
}

/// Every client needs a descriptor, so all that are allowed are asked for.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// Of the descriptors for files a small part may be kept open for the next request.
fn cached_files(threads: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let each = limit / CACHED_FILES_SHARE / threads.max(1) as u64;
    usize::try_from(each)
        .unwrap_or(usize::MAX)
        .min(CACHED_FILES_MAX)
}

/// Three quarters of the descriptors for connections, a quarter for files: tails of one file share one descriptor, and
/// when files run out of descriptors a request for another is answered with 503.
fn default_connections(threads: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let others = DESCRIPTORS + DESCRIPTORS_OF_WORKER.saturating_mul(threads as u64);
    usize::try_from(limit.saturating_sub(others) / 4 * 3)
        .unwrap_or(usize::MAX)
        .max(1)
}
