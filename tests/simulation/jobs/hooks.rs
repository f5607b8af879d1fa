//! `openrange hooks`: the real backlog over the real log `done`; the targets are a few lines of this file.

use std::fs;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use openrange::hooks::backlog::{Backlog, Progress};
use openrange::hooks::callback::Origin;
use openrange::hooks::done::{Done, Place};
use openrange::hooks::notification::Ended;
use openrange::hooks::pauses::Pauses;
use openrange::hooks::state::State;
use openrange::hooks::target::Verdict;
use openrange::job::JobStatus;
use openrange::store::root::Files;
use openrange::time::Moment;

use super::kernel::Fault;
use super::scene::Scene;
use super::stage::{Event, Process};

/// The only origin that hooks may speak to.
pub const ALLOWED: &str = "http://app:9000/";

/// Starts hooks as a new process.
pub fn start(scene: &Arc<Scene>) -> Process {
    let process = scene.stage.new_process();
    let scene = Arc::clone(scene);
    scene.stage.clone().spawn(process, move || run(&scene));
    process
}

fn run(scene: &Scene) {
    let saved = scene.saved.lock().expect("no panic").clone();
    let state = match saved {
        Some(text) => State::from_json(text.as_bytes()).expect("what was saved"),
        // The oldest file that is kept: to look for others takes real time.
        None => State {
            place: Some(beginning(scene)),
            ..State::default()
        },
    };
    let done = Done::unwatched(&scene.path).expect("a directory");
    let allow = vec![Origin::parse("http://app:9000").expect("an origin")];
    let mut backlog = Backlog::new(scene.directory(), done, allow, state, clocks(scene));
    let pauses = Pauses::new(vec![Duration::from_secs(1), Duration::from_secs(5)]);
    loop {
        let (now, _) = clocks(scene);
        let mut look = backlog.look(now);
        for url in backlog.due(now) {
            let Some(ended) = backlog.notification(&url) else {
                look = Progress::More;
                continue;
            };
            backlog.begin(&url);
            if scene.world.fault == Fault::SavedEarly {
                backlog.judge(&url, Verdict::Taken, &pauses, now);
                save(scene, &mut backlog);
            }
            scene.stage.step();
            let verdict = tell(scene, &ended);
            scene.stage.step();
            if verdict == Verdict::Taken {
                look = Progress::More;
            }
            backlog.judge(&url, verdict, &pauses, now);
        }
        if backlog.is_dirty && scene.stage.once_in(2) {
            scene.stage.step();
            save(scene, &mut backlog);
        }
        if look != Progress::More {
            scene.stage.sleep(15_000, Event::Done);
        }
    }
}

fn save(scene: &Scene, backlog: &mut Backlog) {
    let text = backlog.state(clocks(scene)).to_json();
    *scene.saved.lock().expect("no panic") = Some(text);
    backlog.is_dirty = false;
}

/// Waits for the log and gives the place before its first line.
fn beginning(scene: &Scene) -> Place {
    loop {
        let root: OwnedFd = fs::File::open(&scene.path).expect("a directory").into();
        let files = Files::new(root, Arc::default());
        if let Some(holder) = files.holder(b"done") {
            return Place {
                file: holder.etag,
                offset: 0,
            };
        }
        scene.stage.sleep(15_000, Event::Done);
    }
}

/// Two clocks at the same moment.
fn clocks(scene: &Scene) -> (Moment, u64) {
    let now = scene.stage.now();
    (Moment(now), now)
}

/// A target gets a notification.
fn tell(scene: &Scene, ended: &Ended) -> Verdict {
    if !scene.is_calm() && scene.stage.once_in(4) {
        scene.ledger().reach("target fails");
        return Verdict::Failed("500".to_owned(), None);
    }
    let (id, mut status) = (ended.id, ended.status);
    if scene.world.fault == Fault::ToldWrong && status == JobStatus::Abandoned {
        status = JobStatus::Exit(0);
    }
    let decided = fs::read_to_string(scene.path.join(format!("{id}.status")));
    let decided = decided.ok().and_then(|text| text.trim_end().parse().ok());
    if decided != Some(status) {
        scene.stage.fail(format!(
            "a target hears {status} of {id}, which is {decided:?}"
        ));
    }
    let mut ledger = scene.ledger();
    *ledger.told.entry(id).or_default() += 1;
    ledger.reach("told");
    Verdict::Taken
}
