//! The server as a whole: starts the workers and the other threads, obeys signals, and ends them.

mod addresses;
pub mod admin;
mod advice;
mod confinement;
mod descriptors;
mod exposition;
mod health;
mod hosts;
mod intakes;
mod jobs;
mod memory;
mod metrics;
pub mod options;
pub mod peers;
mod process;
pub mod reload;
mod root_watch;
pub mod systemd;
mod workers;
mod writing;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use log::{info, warn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::connection::Timeouts;
use crate::follow::polls::PollTerms;
use crate::limits::{ACCESS_LOG_PATIENCE, ADMIN_PATIENCE, CLIENTS_MAX};
use crate::log::stderr;
use crate::os::sockets::Bound;
use crate::store::leftovers;
use crate::store::mounts;
use crate::store::root::open_root;
use crate::store::sent_dates::SentDates;
use crate::store::writable::Writable;
use crate::worker::admission::Admission;
use crate::worker::inspect::Inspector;
use crate::worker::shared::Shared;
use crate::worker::upload::{Jobs, Writing};
use addresses::Addresses;
use admin::Admin;
use health::Health;
use intakes::Counted;
use memory::Memory;
use metrics::Facts;
use options::Options;
use process::Process;
use reload::Reload;
use root_watch::RootWatch;
use systemd::Notifier;
use workers::Workers;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// One line that names what the server cannot use. It leaves nothing behind then.
pub fn run(options: &Options) -> Result<(), String> {
    options.expect_files()?;
    let threads = options
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    // Before it opens anything: a new descriptor could get the number of one that was announced and is not there.
    let passed = systemd::passed_sockets(threads)?;
    stderr::prepare();
    let mut reload = Reload::load(options)?;
    descriptors::raise_limit();
    // Before it announces anything: whoever reads the announcement may send a signal.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        .map_err(|error| format!("cannot handle signals: {error}"))?;
    let notifier = Notifier::from_environment();
    // As a path that stays the same whatever the working directory is.
    let path = std::path::absolute(&options.root).unwrap_or_else(|_| options.root.clone());
    let (memory, journal) = Memory::load(options)?;
    // Before it binds: a wrong ROOT must not leave a socket file.
    open(options)?;
    let mut bound = addresses::bind(options, threads, passed)?;
    let advice = advice::collect(options, threads, &bound.served);
    let facts = facts(&bound.served);
    let writers = confine(options, &bound.served)?;
    let shared = share(options, threads, &mut bound, &reload, writers);
    let root = open(options)?;
    let receivers = bound.intakes.prepare(&root)?;
    let (receivers, counted) = receivers.into_iter().unzip();
    let workers = Arc::new(Workers::new(
        Arc::clone(&shared),
        path,
        bound.listeners(threads),
        memory,
        options.sandbox,
        signals.handle(),
    ));
    // From here on threads start. All of them are there before anybody reads that the server listens.
    let prepared = workers.prepare(&root)?;
    reload.start()?;
    if let Some(journal) = journal {
        journal
            .start()
            .map_err(|error| format!("cannot start a thread that writes the history: {error}"))?;
    }
    let tracker = jobs::start(shared.jobs.as_ref())?;
    let intakes = intakes::Running::start(receivers, options.sandbox.then_some(&root))?;
    let root_watch = start_others(options, &workers, &mut bound, &root, (counted, facts))?;
    bound.announce();
    advice::give(advice);
    info!(
        "serving {} with {threads} threads, up to {} connections",
        options.root.display(),
        shared.max_connections
    );
    workers.start(prepared);
    notifier.ready();
    let master = Master {
        shared: &shared,
        inspector: workers.inspector(),
        workers,
        notifier,
        reload,
        root_watch,
        intakes,
    };
    master.wait(signals, bound);
    let result = master.result();
    master.intakes.join();
    finish(&shared, tracker);
    result
}

/// Ends the threads that serve no client: the one of the jobs, and, once it has written everything, the one of the access log.
fn finish(shared: &Shared, tracker: Option<JoinHandle<()>>) {
    if let (Some(jobs), Some(tracker)) = (&shared.jobs, tracker) {
        jobs.tracker.stop();
        let _ = tracker.join();
    }
    if let Some(log) = &shared.access_log {
        log.finish(ACCESS_LOG_PATIENCE);
    }
}

/// Gives up everything that the server does not need, and prepares what writes: it opens directories before that, and
/// completes what an earlier server has left after it.
fn confine(options: &Options, bound: &[Bound]) -> Result<Writers, String> {
    let mut writable = Writable::default();
    let prepared = writing::prepare(options, bound, &mut writable)?;
    let job_directory = jobs::directory(options)?;
    let intakes = intakes::directories(options, &mut writable)?;
    mounts::prepare();
    confinement::give_up_privileges(options)?;
    advice::give(advice::unwritable(options, &writable));
    let directories = writable.iter().map(|(_, directory)| directory);
    let is_restricted = confinement::restrict(options, directories)?;
    let writable = is_restricted.then(|| Arc::new(writable));
    let received = intakes.iter().map(OwnedFd::as_fd);
    received.for_each(leftovers::complete_records);
    let finish = |prepared: writing::Prepared| prepared.finish(writable.clone());
    let writing = prepared.map(finish).transpose()?;
    let jobs = jobs::prepare(options, job_directory.as_ref())?;
    Ok(Writers {
        writing,
        jobs,
        writable,
    })
}

/// What may write.
struct Writers {
    writing: Option<Writing>,
    jobs: Option<Jobs>,
    /// What the sandbox permits; `None`: there is no sandbox.
    writable: Option<Arc<Writable>>,
}

fn share(
    options: &Options,
    threads: usize,
    bound: &mut Addresses,
    reload: &Reload,
    writers: Writers,
) -> Arc<Shared> {
    let listeners = bound.served.iter().map(|bound| &bound.address);
    let given = options.hosts.as_ref();
    let most = options
        .max_connections
        .unwrap_or_else(|| descriptors::default_connections(threads));
    Arc::new(Shared {
        timeouts: Timeouts {
            header: options.header_timeout,
            idle: options.idle_timeout,
        },
        send_timeout: options.send_timeout,
        min_rate: options.min_rate,
        unix_queues: bound.unix_queues.take(),
        grace: options.grace,
        wait_max: options.wait_max,
        polls: PollTerms {
            interval: options.poll_interval,
            settle: options.settle,
        },
        trusted_proxies: options.trusted_proxies.clone(),
        cors: options.cors.clone(),
        hosts: hosts::of(given, listeners, options.token_file.is_some()),
        admin_hosts: hosts::of(given, &options.admin, false),
        writing: writers.writing,
        jobs: writers.jobs,
        writable: writers.writable,
        hints: bound.hints.take(),
        access_log: reload.access_log(),
        tokens: reload.tokens(),
        delimiter_key: crate::os::random_bytes(),
        admission: Admission::new(most, options.max_connections_per_address),
        max_connections: most,
        cached_files: descriptors::cached_files(threads),
        sent_dates: SentDates::default(),
        appenders: descriptors::appenders(threads),
        refused_max: descriptors::refused_connections(threads, most),
        signals: AtomicUsize::new(0),
    })
}

/// The directory to serve.
fn open(options: &Options) -> Result<OwnedFd, String> {
    let root = &options.root;
    open_root(root).map_err(|error| {
        let advice = match (error.kind(), root.parent(), options.likely_meant) {
            (io::ErrorKind::NotADirectory, Some(parent), _) if root.is_file() => {
                let parent = match parent.as_os_str().is_empty() {
                    true => Path::new("."),
                    false => parent,
                };
                format!(
                    "it is a file; serve its directory: openrange {}",
                    parent.display()
                )
            }
            (io::ErrorKind::NotFound, _, Some(meant)) => {
                format!("{error}; did you mean openrange {meant}?")
            }
            _ => {
                format!("{error}; ROOT must be a readable directory (openrange --help tells more)")
            }
        };
        format!("cannot serve {}: {advice}", root.display())
    })
}

/// Starts the threads that serve no files: the one that watches ROOT, that of `--admin`, and those for hints.
fn start_others(
    options: &Options,
    workers: &Arc<Workers>,
    bound: &mut Addresses,
    root: &OwnedFd,
    (counted, facts): (Vec<Counted>, Facts),
) -> Result<Arc<RootWatch>, String> {
    peers::start(bound.peers.take(), workers.inspector())?;
    let health = Arc::new(Health::default());
    let root_watch = RootWatch::start(Arc::clone(workers), Arc::clone(&health), root)
        .map_err(|error| format!("cannot start a thread that watches ROOT: {error}"))?;
    if let Some(admin) = &mut bound.admin {
        let listener = admin.take().expect("one listener was asked for");
        let served = Admin::new(
            workers.inspector(),
            workers.shared(),
            health,
            counted,
            facts,
        );
        served
            .start(listener, options.sandbox)
            .map_err(|error| format!("cannot serve {}: {error}", admin.address))?;
    }
    Ok(root_watch)
}

/// Metrics that stay the same; before the process gives up its access to files.
fn facts(bound: &[Bound]) -> Facts {
    let addresses = bound.iter().map(|bound| bound.address.to_string());
    Facts {
        process: Process::open(),
        listeners: addresses.collect(),
    }
}

/// The main thread while there are workers.
struct Master<'a> {
    shared: &'a Shared,
    workers: Arc<Workers>,
    inspector: Arc<Inspector>,
    notifier: Notifier,
    reload: Reload,
    root_watch: Arc<RootWatch>,
    intakes: intakes::Running,
}

impl Master<'_> {
    /// Obeys signals until the last worker has ended.
    fn wait(&self, mut signals: Signals, bound: Addresses) {
        for signal in signals.forever() {
            match signal {
                SIGHUP => {
                    self.notifier.reloading();
                    self.reload.again();
                    self.workers.wake();
                    self.root_watch.check();
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
        // A worker has failed: the others must end.
        if self.shared.signals.fetch_max(1, Ordering::AcqRel) == 0 {
            self.notifier.stopping();
        }
        self.intakes.stop();
        self.workers.end();
    }

    /// How the server has ended, when all workers have.
    fn result(&self) -> Result<(), String> {
        self.workers.join()?;
        match self.shared.signals.load(Ordering::Acquire) {
            0 | 1 => Ok(()),
            _ => Err(String::from("ended at once by a second signal")),
        }
    }

    /// The first signal begins the end, the second one ends at once, and after the third one nobody waits for the workers.
    fn end(&self, signal: i32) -> bool {
        match self.shared.signals.fetch_add(1, Ordering::AcqRel) {
            0 => {
                self.notifier.stopping();
                info!(
                    "signal {signal}: shutting down within {:?}",
                    self.shared.grace
                );
            }
            1 => info!("signal {signal} again: ending at once"),
            _ => return false,
        }
        self.intakes.stop();
        self.workers.end();
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
