//! Clients: they ask for jobs, lose their connections, ask again with the same key, wait for answers, cancel, leave, die.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use openrange::job::{JobId, JobStatus};
use openrange::receipt::WriteFailure;

use super::life::Order;
use super::scene::Scene;
use super::server::{Ask, Reply};
use super::stage::{Event, Process};

/// Looks at an answer before its client gives up for good: far more than any takes.
const LOOKS_MAX: u64 = 4000;

/// Starts a client as a new process. It goes on with the first of its orders that is not done.
pub fn start(scene: &Arc<Scene>, number: usize) -> Process {
    let process = scene.stage.new_process();
    let scene = Arc::clone(scene);
    scene.stage.clone().spawn(process, move || {
        loop {
            let next = scene.orders.lock().expect("no panic")[number]
                .first()
                .cloned();
            let Some(order) = next else { return };
            fulfil(&scene, &order);
            scene.orders.lock().expect("no panic")[number].remove(0);
        }
    });
    process
}

fn fulfil(scene: &Scene, order: &Order) {
    let mut looks = 0;
    loop {
        let Some(reply) = ask(scene, Ask::Post(order.clone())) else {
            scene.ledger().reach("connection lost");
            continue;
        };
        let id = match reply {
            Ok(id) => id,
            Err(WriteFailure::OtherBody) => {
                return scene.stage.fail(format!("{order:?}: another body"));
            }
            Err(why) => {
                scene.ledger().refused(why);
                scene.stage.sleep(500, Event::Never);
                continue;
            }
        };
        let promised = scene.ledger().promise(order.key, id);
        scene.keep(promised);
        // Some lose their connection while they wait, and ask once more.
        let patience = match scene.stage.once_in(4) {
            true => scene.stage.below(4),
            false => LOOKS_MAX,
        };
        for _ in 0..patience {
            if let Some((status, answer)) = look(scene, id) {
                let seen = scene.ledger().see(id, status);
                scene.keep(seen);
                let checked = scene.ledger().check_answer(id, order, status, &answer);
                scene.keep(checked);
                return scene.ledger().reach(name(status));
            }
            if order.leaves == Some(looks) {
                return scene.ledger().reach("client leaves");
            }
            if order.cancel == Some(looks) {
                let _ = ask(scene, Ask::Cancel(id));
            }
            looks += 1;
            scene.stage.sleep(2000, Event::Seal);
        }
    }
}

fn name(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Exit(0) => "succeeded",
        JobStatus::Exit(_) => "failed",
        JobStatus::Signal(_) => "killed",
        JobStatus::Timeout => "timed out",
        JobStatus::Cancelled => "cancelled",
        JobStatus::Abandoned => "abandoned",
    }
}

/// The answer, once it is complete.
fn look(scene: &Scene, id: JobId) -> Option<(JobStatus, String)> {
    let path = scene.path.join(id.as_str());
    let Ok(meta) = fs::metadata(&path) else {
        scene.stage.fail(format!("the answer of {id} is gone"));
        return None;
    };
    if meta.permissions().mode() & 0o222 != 0 {
        return None;
    }
    let status = fs::read_to_string(scene.path.join(format!("{id}.status")));
    let Some(status) = status.ok().and_then(|text| text.trim_end().parse().ok()) else {
        scene
            .stage
            .fail(format!("the answer of {id} is sealed, and nobody says why"));
        return None;
    };
    Some((status, fs::read_to_string(path).expect("an answer")))
}

/// Whether an answer is complete. False: it is not, or there is none.
pub fn is_sealed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o222 == 0)
}

/// Sends a request and waits for the response. `None`: the connection was lost.
fn ask(scene: &Scene, ask: Ask) -> Option<Reply> {
    scene.stage.step();
    let (server, ticket, has_room) = {
        let mut port = scene.port.lock().expect("no panic");
        let has_room = port.open == 0 && scene.open_jobs() < scene.most;
        (port.server, port.ask(ask), has_room)
    };
    let Some(server) = server else {
        scene.stage.sleep(300, Event::Never);
        return None;
    };
    scene.stage.wake(Event::Request(server));
    let impatient = scene.stage.once_in(8);
    loop {
        let pause = if impatient { 1 } else { 1000 };
        scene.stage.sleep(pause, Event::Reply(ticket));
        let mut port = scene.port.lock().expect("no panic");
        if let Some(reply) = port.reply(ticket) {
            let is_full = reply == Err(WriteFailure::TooManyJobs);
            if is_full && has_room && port.tickets == ticket {
                drop(port);
                scene
                    .stage
                    .fail("refused, although there is room".to_owned());
                return None;
            }
            return Some(reply);
        }
        if port.server != Some(server) || impatient {
            return None;
        }
    }
}
