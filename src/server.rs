//! The server as a whole: binds, starts the workers, announces, and ends them.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use log::{debug, error, info, warn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::cli::{DEFAULT_ADDRESS, Options};
use crate::connection::Timeouts;
use crate::limits::ACCESS_LOG_PATIENCE;
use crate::os::files::{Files, Truncations};
use crate::os::poll::Waker;
use crate::os::privileges::{self, Keep, Sandbox};
use crate::os::socket::{self, Address, Bound};
use crate::reload::Reload;
use crate::systemd::{self, Notifier};
use crate::worker::admission::Admission;
use crate::worker::{Seed, Shared, Worker};

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
    let mut reload = Reload::load(options)?;
    let most = options
        .max_connections
        .unwrap_or_else(|| default_connections(threads));
    let shared = Arc::new(Shared {
        timeouts: Timeouts {
            header: options.header_timeout,
            idle: options.idle_timeout,
        },
        send_timeout: options.send_timeout,
        grace: options.grace,
        poll_interval: options.poll_interval,
        access_log: reload.access_log(),
        tokens: reload.tokens(),
        admission: Admission::new(most, options.max_connections_per_address),
        max_connections: most,
        signals: AtomicUsize::new(0),
    });
    raise_descriptor_limit();
    // Before anything is announced, so that whoever reads the announcement may send a signal.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| format!("cannot handle signals: {error}"))?;
    let notifier = Notifier::from_environment();
    let (workers, bound) = build(options, threads, passed, &shared)?;
    reload.start()?;
    announce(&bound);
    info!(
        "serving {} with {threads} threads, up to {} connections",
        options.root.display(),
        most
    );

    let wakers: Vec<Waker> = workers.iter().map(Seed::waker).collect();
    let running = Arc::new(AtomicUsize::new(workers.len()));
    let handle = signals.handle();
    let threads: Vec<_> = workers
        .into_iter()
        .map(|worker| spawn(worker, Arc::clone(&running), handle.clone()))
        .collect();
    notifier.ready();
    wait(signals, &shared, &wakers, &notifier, &reload, bound);
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
    if let Some(log) = &shared.access_log {
        log.finish(ACCESS_LOG_PATIENCE);
    }
    result
}

/// All that can fail, before anybody is told that the server is there.
fn build(
    options: &Options,
    threads: usize,
    passed: Vec<Bound>,
    shared: &Arc<Shared>,
) -> Result<(Vec<Seed>, Vec<Bound>), String> {
    let truncations = Arc::new(Truncations::default());
    let open = |root: &Path| {
        Files::open(root, Arc::clone(&truncations)).map_err(|error| {
            format!(
                "cannot serve {}: {error}; ROOT must be a readable directory",
                root.display()
            )
        })
    };
    open(&options.root)?;
    let mut bound = passed;
    let addresses = match options.listen.as_slice() {
        [] if bound.is_empty() => &[DEFAULT_ADDRESS],
        addresses => addresses,
    };
    for address in addresses {
        bound.push(socket::bind(address, threads).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another with --listen")
        })?);
    }
    give_up_privileges(options)?;
    let mut workers = Vec::new();
    for _ in 0..threads {
        let listeners = bound.iter_mut().filter_map(Bound::take).collect();
        let worker = Seed::new(Arc::clone(shared), open(&options.root)?, listeners);
        workers.push(worker.map_err(|error| {
            format!("cannot start {threads} threads: {error}; try fewer --threads")
        })?);
    }
    Ok((workers, bound))
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
    let sockets = options.listen.iter().filter_map(|address| match address {
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

fn spawn(worker: Seed, running: Arc<AtomicUsize>, signals: Handle) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        let result = worker.grow().and_then(Worker::run);
        // The last one ends the wait of the main thread; a failure ends it at once.
        if running.fetch_sub(1, Ordering::AcqRel) == 1 || result.is_err() {
            signals.close();
        }
        result
    })
}

/// Waits for signals until the last worker has ended. The first one begins the end, the second one hurries it, and with
/// the third one nobody waits for the workers.
fn wait(
    mut signals: Signals,
    shared: &Shared,
    wakers: &[Waker],
    notifier: &Notifier,
    reload: &Reload,
    bound: Vec<Bound>,
) {
    for signal in signals.forever() {
        if signal == SIGHUP {
            notifier.reloading();
            reload.again();
            notifier.ready();
            continue;
        }
        match shared.signals.fetch_add(1, Ordering::AcqRel) {
            0 => {
                notifier.stopping();
                info!("signal {signal}: ending within {:?}", shared.grace);
            }
            1 => info!("signal {signal} again: ending at once"),
            _ => {
                drop(bound);
                std::process::exit(1);
            }
        }
        wake(wakers);
    }
    // A worker that failed leaves the others to be ended.
    if shared.signals.fetch_max(1, Ordering::AcqRel) == 0 {
        notifier.stopping();
    }
    wake(wakers);
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

/// Three quarters of the descriptors for connections, a quarter for files: tails of one file share one descriptor, and
/// when files run out of descriptors a request for another is answered with 503.
fn default_connections(threads: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let others = DESCRIPTORS + DESCRIPTORS_OF_WORKER.saturating_mul(threads as u64);
    usize::try_from(limit.saturating_sub(others) / 4 * 3)
        .unwrap_or(usize::MAX)
        .max(1)
}
