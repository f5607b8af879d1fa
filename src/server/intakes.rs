//! `--intake`: binds the sockets and finds the directories before anything is given up, and starts a thread for each.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use log::error;

use super::descriptors;
use super::exposition::family;
use super::options::Options;
use crate::intake::Intake;
use crate::intake::receiver::{self, Bound, Receiver, Stopper};
use crate::intake::tally::{Count, Tally};
use crate::os::privileges;
use crate::os::threads;
use crate::store::root::{Files, Node, open_root};
use crate::store::truncations::Truncations;
use crate::store::writable::Writable;

/// The sockets of all intakes.
#[derive(Default)]
pub struct Intakes {
    bound: Vec<Bound>,
    /// A line for each, which says where it receives.
    lines: Vec<String>,
    /// Socket files, removed when this is dropped.
    guards: Vec<Box<dyn Send>>,
}

/// What an intake has counted.
pub struct Counted {
    /// Which one.
    pub intake: Intake,
    /// What it has counted.
    pub tally: Arc<Tally>,
}

/// Threads that receive.
#[derive(Default)]
pub struct Running {
    threads: Vec<(Stopper, JoinHandle<()>)>,
}

/// Binds all addresses.
///
/// # Errors
/// One line that names the address that the server cannot use.
pub fn bind(options: &Options) -> Result<Intakes, String> {
    let mut intakes = Intakes::default();
    for intake in &options.intakes {
        let (bound, guard) = receiver::bind(intake).map_err(|error| {
            format!(
                "cannot receive at --intake {intake}: {error}; {}",
                advice(&error)
            )
        })?;
        let (intake, file) = (&bound.intake, &bound.intake.file);
        intakes.lines.push(format!("intake on {intake} to {file}"));
        intakes.bound.push(bound);
        intakes.guards.push(guard);
    }
    Ok(intakes)
}

/// What to do about an address at which nothing can be bound.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program receives there: stop it, or choose another address"
        }
        _ => "choose another address",
    }
}

/// The directories of the files to which intakes append. Adds them to what the process may write.
///
/// # Errors
/// One line: there is no such directory, or the name leads to something else than a file.
pub fn directories(options: &Options, writable: &mut Writable) -> Result<Vec<OwnedFd>, String> {
    let mut directory = |intake: &Intake| {
        let file = &intake.file;
        let option = format!("--intake {intake}={file}");
        let wrong = |error| {
            format!(
                "cannot use {option}: {error}; {file} must be a file in a directory that exists below ROOT"
            )
        };
        let root = open_root(&options.root).map_err(|error| error.to_string())?;
        let files = Files::new(root, Arc::new(Truncations::default()));
        let (directory, name) = intake.place();
        let found = files.below(directory).map_err(io::Error::from);
        let found = found.map_err(|error| wrong(error.to_string()))?;
        if let Ok(Node::Directory(_) | Node::Other) = found.find(name, None) {
            return Err(wrong(String::from("it is not a regular file")));
        }
        let held = found.directory().try_clone_to_owned();
        let held = held.map_err(|error| wrong(error.to_string()))?;
        let added = writable.add(option.clone(), directory, held.as_fd());
        added.map_err(|error| wrong(error.to_string()))?;
        Ok(held)
    };
    options.intakes.iter().map(&mut directory).collect()
}

impl Intakes {
    /// A line for each, which says where it receives.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Makes what receives; nothing runs yet.
    ///
    /// # Errors
    /// One line: descriptors have run out.
    pub fn prepare(&mut self, root: &OwnedFd) -> Result<Vec<(Receiver, Counted)>, String> {
        let most = descriptors::intake_senders();
        let prepare = |bound: Bound| {
            let (intake, tally) = (bound.intake.clone(), Arc::<Tally>::default());
            let receiver = root
                .try_clone()
                .and_then(|root| Receiver::new(bound, root, most, Arc::clone(&tally)));
            match receiver {
                Ok(receiver) => Ok((receiver, Counted { intake, tally })),
                Err(error) => Err(format!("cannot receive at --intake {intake}: {error}")),
            }
        };
        self.bound.drain(..).map(prepare).collect()
    }
}

impl Running {
    /// Starts a thread for each. `root`: the only files that such a thread keeps; `None`: it keeps all.
    ///
    /// # Errors
    /// One line: no thread can start.
    pub fn start(receivers: Vec<Receiver>, root: Option<&OwnedFd>) -> Result<Running, String> {
        let mut running = Running::default();
        for receiver in receivers {
            let stopper = receiver.stopper();
            let root = root.map(OwnedFd::try_clone).transpose();
            let started = root.and_then(|root| {
                threads::start("intake", None, move || run(receiver, root.as_ref()))
            });
            let thread =
                started.map_err(|error| format!("cannot start a thread for --intake: {error}"))?;
            running.threads.push((stopper, thread));
        }
        Ok(running)
    }

    /// Lets them take what has arrived, and end.
    pub fn stop(&self) {
        for (stopper, _) in &self.threads {
            stopper.stop();
        }
    }

    /// Waits until they have ended.
    pub fn join(self) {
        for (_, thread) in self.threads {
            let _ = thread.join();
        }
    }
}

fn run(receiver: Receiver, root: Option<&OwnedFd>) {
    if let Some(root) = root
        && let Err(error) = privileges::confine_thread(Some(root.as_fd()), true)
    {
        return error!("--intake receives nothing: cannot restrict its thread: {error}");
    }
    if let Err(error) = receiver.run() {
        error!("--intake has stopped receiving: {error}");
    }
}

/// A metric: its name, its type, its help, and which number of an intake it is.
type Metric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Tally) -> &Count,
);

const METRICS: &[Metric] = &[
    (
        "intake_senders",
        "gauge",
        "Connections to an intake now.",
        |tally| &tally.senders,
    ),
    (
        "intake_lines_total",
        "counter",
        "Lines that an intake has received.",
        |tally| &tally.lines,
    ),
    (
        "intake_bytes_total",
        "counter",
        "Bytes that an intake has received.",
        |tally| &tally.bytes,
    ),
    (
        "intake_datagrams_total",
        "counter",
        "Datagrams that an intake has received.",
        |tally| &tally.datagrams,
    ),
    (
        "intake_cut_total",
        "counter",
        "Times that an intake has cut a line or a datagram because it was too long.",
        |tally| &tally.cut,
    ),
    (
        "intake_refused_senders_total",
        "counter",
        "Senders that an intake has refused, or closed after a long silence, because there were too many.",
        |tally| &tally.refused,
    ),
    (
        "intake_lost_lines_total",
        "counter",
        "Lines that an intake has received and could not append.",
        |tally| &tally.lost,
    ),
    (
        "intake_dropped_datagrams_total",
        "counter",
        "Datagrams that the kernel has dropped because an intake was too slow.",
        |tally| &tally.dropped,
    ),
];

/// Writes what all intakes have counted, if there are any.
pub fn write_metrics(out: &mut String, intakes: &[Counted]) {
    let names: Vec<String> = intakes
        .iter()
        .map(|counted| counted.intake.to_string())
        .collect();
    for (name, kind, help, count) in METRICS.iter().filter(|_| !intakes.is_empty()) {
        let values = intakes.iter().map(|counted| count(&counted.tally).get());
        let values: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(values).collect();
        family(out, name, kind, "intake", help, &values);
    }
}
