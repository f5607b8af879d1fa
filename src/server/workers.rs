//! The worker threads: all of them stand before the server says that it listens, and all of them are replaced when another
//! directory takes the name of ROOT.

use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use log::error;
use signal_hook::iterator::Handle;

use super::memory::Memory;
use crate::os::epoll::Waker;
use crate::os::privileges;
use crate::os::sockets::Listener;
use crate::os::threads;
use crate::store::generations::families::Families;
use crate::store::generations::finder::Finder;
use crate::store::generations::scan::Scanner;
use crate::store::root::Files;
use crate::worker::builder::WorkerBuilder;
use crate::worker::inspect::Inspector;
use crate::worker::shared::Shared;
use crate::worker::succession::{Entrance, Succession};

/// Starts, replaces and ends the threads that serve.
pub struct Workers {
    shared: Arc<Shared>,
    inspector: Arc<Inspector>,
    memory: Memory,
    /// As it was given, from the root of the file system.
    root: PathBuf,
    /// Each thread gives up all files but those below its ROOT.
    confined: bool,
    /// How the last thread tells the main thread that none is left.
    signals: Handle,
    running: Arc<AtomicUsize>,
    state: Mutex<State>,
}

/// What is behind the lock.
#[derive(Default)]
struct State {
    /// For each worker of a generation; the workers have duplicates. Empty: the server ends.
    listeners: Vec<Vec<Listener>>,
    threads: Vec<Running>,
    /// Tells the threads of the last generation who takes their place.
    succession: Arc<Succession>,
}

/// One directory, and what all who serve it know of it.
struct Served {
    root: OwnedFd,
    families: Families,
    finder: Finder,
}

/// A thread that serves.
struct Running {
    thread: JoinHandle<io::Result<()>>,
    waker: Waker,
}

/// Threads that are ready to serve one directory, and wait for the word. When this is dropped they end.
pub struct Prepared {
    threads: Vec<Running>,
    starts: Vec<Sender<()>>,
    entrances: Vec<Entrance>,
    succession: Arc<Succession>,
}

impl Workers {
    /// None run yet. `listeners`: for each worker; `confined`: see [`privileges::confine_thread`].
    #[must_use]
    pub fn new(
        shared: Arc<Shared>,
        root: PathBuf,
        listeners: Vec<Vec<Listener>>,
        memory: Memory,
        confined: bool,
        signals: Handle,
    ) -> Workers {
        let state = State {
            listeners,
            ..State::default()
        };
        Workers {
            shared,
            inspector: Arc::default(),
            memory,
            root,
            confined,
            signals,
            running: Arc::default(),
            state: Mutex::new(state),
        }
    }

    /// Who asks the workers about themselves.
    #[must_use]
    pub fn inspector(&self) -> Arc<Inspector> {
        Arc::clone(&self.inspector)
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The path of ROOT.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Starts a thread for each worker, which does everything that can fail, and then waits.
    ///
    /// # Errors
    /// One line. No thread is left then.
    pub fn prepare(&self, root: &OwnedFd) -> Result<Prepared, String> {
        let (ready, reports) = mpsc::channel();
        let mut prepared = Prepared {
            threads: Vec::new(),
            starts: Vec::new(),
            entrances: Vec::new(),
            succession: Arc::default(),
        };
        let served = self
            .served(root)
            .map_err(|error| format!("cannot look at {}: {error}", self.root.display()))?;
        let state = self.state();
        let result = state
            .listeners
            .iter()
            .try_for_each(|listeners| self.start_one(&served, listeners, &ready, &mut prepared));
        drop((state, ready));
        match result.and_then(|()| reports.iter().collect::<io::Result<Vec<()>>>()) {
            Ok(_) => Ok(prepared),
            Err(error) => {
                let count = self.state().listeners.len();
                prepared.abandon();
                Err(format!(
                    "cannot start {count} threads: {error}; try fewer --threads"
                ))
            }
        }
    }

    fn files(&self, root: &OwnedFd) -> io::Result<Files> {
        let files = Files::new(root.try_clone()?, Arc::clone(&self.memory.truncations));
        let jobs = self.shared.jobs.as_ref().map(|jobs| jobs.prefix.clone());
        Ok(files.with_links(self.memory.links.clone()).with_jobs(jobs))
    }

    fn served(&self, root: &OwnedFd) -> io::Result<Served> {
        let root = root.try_clone()?;
        let families = self.memory.families.clone();
        let files = self.files(&root)?;
        // What can be asked of no file is asked of none behind a server that says that it is well.
        files.identify(b"")?;
        let finder = Finder::new(Scanner::new(files, families.clone()));
        Ok(Served {
            root,
            families,
            finder,
        })
    }

    fn start_one(
        &self,
        served: &Served,
        listeners: &[Listener],
        ready: &Sender<io::Result<()>>,
        prepared: &mut Prepared,
    ) -> io::Result<()> {
        let root = &served.root;
        let files = self.files(root)?;
        let listeners = listeners.iter().map(Listener::try_clone);
        let builder = WorkerBuilder::new(
            Arc::clone(&self.shared),
            files,
            listeners.collect::<io::Result<_>>()?,
            Arc::clone(&prepared.succession),
            served.families.clone(),
            served.finder.clone(),
        )?;
        let (start, started) = mpsc::channel();
        let (waker, entrance) = (builder.waker(), builder.entrance());
        let worker = Start {
            builder,
            root: if self.confined {
                Some(root.try_clone()?)
            } else {
                None
            },
            writes: self.shared.writing.is_some(),
            ready: ready.clone(),
            started,
            running: Arc::clone(&self.running),
            inspector: Arc::clone(&self.inspector),
            signals: self.signals.clone(),
        };
        let thread = threads::start("worker", None, move || worker.run())?;
        prepared.threads.push(Running { thread, waker });
        prepared.starts.push(start);
        prepared.entrances.push(entrance);
        Ok(())
    }

    /// Lets prepared threads serve in place of those that do.
    pub fn start(&self, mut prepared: Prepared) {
        let mut state = self.state();
        if state.listeners.is_empty() {
            return prepared.abandon();
        }
        let succession = Arc::clone(&prepared.succession);
        let former = mem::replace(&mut state.succession, succession);
        self.running
            .fetch_add(prepared.threads.len(), Ordering::AcqRel);
        for start in prepared.starts.drain(..) {
            // It waits for this.
            let _ = start.send(());
        }
        former.begin(mem::take(&mut prepared.entrances));
        state
            .threads
            .retain(|running| !running.thread.is_finished());
        for running in &state.threads {
            running.waker.wake();
        }
        state.threads.append(&mut prepared.threads);
    }

    /// Lets all threads look at what is shared.
    pub fn wake(&self) {
        for running in &self.state().threads {
            running.waker.wake();
        }
    }

    /// The server is to end: no thread starts any more, each looks at [`Shared::signals`].
    pub fn end(&self) {
        let mut state = self.state();
        state.listeners.clear();
        for running in &state.threads {
            running.waker.wake();
        }
    }

    /// Waits for all threads.
    ///
    /// # Errors
    /// One line: a thread has failed.
    pub fn join(&self) -> Result<(), String> {
        let threads = mem::take(&mut self.state().threads);
        let mut result = Ok(());
        for running in threads {
            let ended = running.thread.join();
            if let Err(error) = ended.unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
            {
                error!("a worker failed: {error}");
                result = Err(format!("a worker failed: {error}"));
            }
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prepared {
    fn abandon(&mut self) {
        self.starts.clear();
        for running in self.threads.drain(..) {
            // Whatever it says, it has served nobody.
            let _ = running.thread.join();
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// What a thread begins with.
struct Start {
    builder: WorkerBuilder,
    /// What it keeps when it gives up all other files.
    root: Option<OwnedFd>,
    writes: bool,
    ready: Sender<io::Result<()>>,
    started: Receiver<()>,
    running: Arc<AtomicUsize>,
    inspector: Arc<Inspector>,
    signals: Handle,
}

impl Start {
    fn run(self) -> io::Result<()> {
        let (waker, mailbox) = (self.builder.waker(), self.builder.mailbox());
        let confined = match &self.root {
            Some(root) => privileges::confine_thread(Some(root.as_fd()), self.writes),
            None => Ok(()),
        };
        let worker = match confined.and_then(|()| self.builder.build()) {
            Ok(worker) => worker,
            Err(error) => {
                let _ = self.ready.send(Err(error));
                return Ok(());
            }
        };
        self.inspector.add(waker, &mailbox);
        let _ = self.ready.send(Ok(()));
        drop(self.ready);
        if self.started.recv().is_err() {
            self.inspector.remove(&mailbox, None);
            return Ok(());
        }
        let result = worker.run();
        self.inspector
            .remove(&mailbox, result.as_ref().ok().cloned());
        // The last one ends the wait of the main thread; a failure ends it at once.
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 || result.is_err() {
            self.signals.close();
        }
        result.map(drop)
    }
}
