//! The server: the real tracker, with a thread for deadlines and two that receive requests.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use openrange::http::conditional::Conditions;
use openrange::http::target::Path;
use openrange::job::{JobId, JobStatus};
use openrange::jobs::files::JobDirectory;
use openrange::jobs::record::JobRecord;
use openrange::jobs::tracker::{Accepted, JobTerms, Tracker};
use openrange::receipt::WriteFailure;
use openrange::store::place::{Place, Stop, failure};
use openrange::store::replace::{Temporary, Terms};
use openrange::store::root::Files;

use super::life::Order;
use super::scene::Scene;
use super::stage::{Event, Process};

/// A request that is under way.
#[derive(Debug, Clone)]
pub enum Ask {
    Post(Order),
    Cancel(JobId),
}

/// What a server answers: the job, or that it has ended another one.
pub type Reply = Result<JobId, WriteFailure>;

/// The connections to a server.
#[derive(Default)]
pub struct Port {
    /// The server; `None`: nobody listens.
    pub server: Option<Process>,
    asked: VecDeque<(u64, Ask)>,
    replies: HashMap<u64, Reply>,
    /// How many requests there were.
    pub tickets: u64,
    /// How many of them the server has not answered, whether or not somebody still waits.
    pub open: u64,
}

impl Port {
    /// Sends a request, which gets a number.
    pub fn ask(&mut self, ask: Ask) -> u64 {
        self.tickets += 1;
        self.open += 1;
        self.asked.push_back((self.tickets, ask));
        self.tickets
    }

    pub fn reply(&mut self, ticket: u64) -> Option<Reply> {
        self.replies.remove(&ticket)
    }

    /// Connections end with the server.
    pub fn close(&mut self) {
        *self = Port {
            tickets: self.tickets,
            ..Port::default()
        };
    }
}

const HANDS: usize = 2;
/// Milliseconds in which a request tries again.
const LOCK_PATIENCE: u64 = 5000;

/// Starts the server as a new process.
pub fn start(scene: &Arc<Scene>) -> Process {
    let process = scene.stage.new_process();
    let scene = Arc::clone(scene);
    scene.stage.clone().spawn(process, move || serve(&scene));
    process
}

fn serve(scene: &Arc<Scene>) {
    let terms = JobTerms {
        timeout: Duration::from_secs(3600),
        keep: Duration::from_secs(604_800),
        most: scene.most,
    };
    let tracker = match Tracker::over(scene.directory(), scene.world.watch(), terms) {
        Ok(tracker) => Arc::new(tracker),
        // Its disk is full: somebody starts it again.
        Err(_) => return scene.ledger().reach("server cannot start"),
    };
    let process = scene.stage.process();
    scene.port.lock().expect("no panic").server = Some(process);
    for _ in 0..HANDS {
        let (scene, tracker) = (Arc::clone(scene), Arc::clone(&tracker));
        scene
            .stage
            .clone()
            .spawn(process, move || receive(&scene, &tracker));
    }
    tracker.run();
}

/// Receives requests, one after the other.
fn receive(scene: &Scene, tracker: &Tracker) {
    let process = scene.stage.process();
    let root = File::open(&scene.path).expect("a directory");
    let files = Files::new(root.into(), Arc::default());
    loop {
        let asked = scene.port.lock().expect("no panic").asked.pop_front();
        let Some((ticket, ask)) = asked else {
            scene.stage.sleep(60_000, Event::Request(process));
            continue;
        };
        let reply = match ask {
            Ask::Post(order) => post(scene, tracker, &files, &order),
            Ask::Cancel(id) => match tracker.end(id, JobStatus::Cancelled) {
                Ok(_) => Ok(id),
                Err(error) => Err(failure(error)),
            },
        };
        scene.stage.step();
        let mut port = scene.port.lock().expect("no panic");
        port.replies.insert(ticket, reply);
        port.open -= 1;
        drop(port);
        scene.stage.wake(Event::Reply(ticket));
    }
}

fn post(scene: &Scene, tracker: &Tracker, files: &Files, order: &Order) -> Reply {
    let id = scene.name(order);
    let name = format!("{id}.request");
    let path = Path {
        name: name.as_bytes().into(),
        slash: false,
    };
    let place = Place::find(files, b"", name.as_bytes(), &path)?;
    let mut temporary = Temporary::create(&place, None)?;
    scene.stage.step();
    temporary.write(order.body.as_bytes())?;
    let record = JobRecord {
        id,
        deadline: tracker.deadline(order.timeout),
        content_type: String::new(),
        length: temporary.size(),
        callback: order.callback.clone(),
    };
    let file = temporary.file();
    let begun = scene.stage.now();
    loop {
        let accepted = tracker.accept(&record, || {
            scene.stage.step();
            let terms = Terms {
                conditions: &Conditions::default(),
                expected: None,
            };
            let published = temporary.publish(&place, &terms);
            scene.world.date(file.as_fd());
            published.map(drop).map_err(|stop| match stop {
                Stop::Failed(failure) => failure,
                Stop::Locked => WriteFailure::Locked,
            })
        });
        let led = match accepted {
            Ok(Accepted::New) => Ok(true),
            Ok(Accepted::Before) => compare(scene, tracker, &temporary, id),
            Err(stop) => Err(stop),
        };
        match led {
            Ok(true) => return Ok(id),
            Err(Stop::Failed(failure)) => return Err(failure),
            Ok(false) | Err(Stop::Locked) => {
                scene.ledger().reach("postponed");
                if scene.stage.now() - begun > LOCK_PATIENCE {
                    return Err(WriteFailure::Locked);
                }
                scene.stage.sleep(8, Event::Never);
            }
        }
    }
}

/// Whether a request leads to the job that has its name. False: the files of that job are being removed.
fn compare(scene: &Scene, tracker: &Tracker, content: &Temporary, id: JobId) -> Result<bool, Stop> {
    let content = content.reader().map_err(failure)?;
    let comparison = tracker.directory().compare(id, content).map_err(failure)?;
    let mut comparison = comparison.ok_or(Stop::Locked)?;
    loop {
        scene.stage.step();
        match comparison.step().expect("a file in memory") {
            None => {}
            Some(true) => return Ok(tracker.lead(id)),
            Some(false) => return Err(WriteFailure::OtherBody.into()),
        }
    }
}

/// A request as its worker reads it.
pub fn request(directory: &JobDirectory, id: JobId) -> Option<String> {
    let mut text = String::new();
    directory.request(id).ok()?.read_to_string(&mut text).ok()?;
    Some(text)
}
