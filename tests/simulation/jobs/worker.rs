//! `openrange work`: the real queue, pending jobs and attendants; the command is a few lines of this file.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use openrange::job::{JobId, JobStatus};
use openrange::jobs::files::Answer;
use openrange::jobs::files::JobDirectory;
use openrange::jobs::kernel::Kernel;
use openrange::jobs::work::attendant::{Attendant, Ended, Run};
use openrange::jobs::work::pending::{Next, Pending};
use openrange::jobs::work::queue::Queue;
use openrange::jobs::work::troubles::Troubles;

use rustix::io::Errno;

use super::kernel::Fault;
use super::life::{line, plan};
use super::scene::Scene;
use super::server;
use super::stage::{Event, Process};

/// Milliseconds between looks at the queue of which nothing tells, and at a command that runs.
const LOOK: u64 = 15_000;
const COMMAND_LOOK: u64 = 200;

struct Command(Arc<Scene>);

/// Starts a worker as a new process, with so many runners.
pub fn start(scene: &Arc<Scene>, runners: u64) -> Process {
    let process = scene.stage.new_process();
    let worker = Arc::new(Attendant {
        directory: scene.directory(),
        pending: Pending::default(),
        troubles: Troubles::default(),
        retry: scene.retry,
        runner: Command(Arc::clone(scene)),
    });
    let (queue, world) = (Arc::clone(&worker), Arc::clone(&scene.world));
    let stage = scene.stage.clone();
    scene.stage.spawn(process, move || {
        let mut followed = Queue::default();
        let mut renamed = true;
        loop {
            let names = world.queue_names.load(Ordering::Relaxed);
            followed.look(&queue.directory, &queue.pending, renamed, || stage.step());
            stage.wake(Event::Job(process));
            stage.sleep(LOOK, Event::Queue);
            renamed = names != world.queue_names.load(Ordering::Relaxed);
        }
    });
    for _ in 0..runners {
        let (worker, stage) = (Arc::clone(&worker), scene.stage.clone());
        let begin = scene.begin;
        scene.stage.spawn(process, move || {
            loop {
                let now = begin + Duration::from_millis(stage.now());
                match worker.pending.next(now) {
                    Next::Job(id) => worker.attend(id, now),
                    Next::Wait(at) => {
                        let pause = at.map_or(LOOK, |at| milliseconds(at - now));
                        stage.sleep(pause.clamp(1, LOOK), Event::Job(process));
                    }
                    Next::Stop => return,
                }
            }
        });
    }
    process
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("not long")
}

/// What a command still writes.
struct Rest {
    scene: Arc<Scene>,
    output: File,
    id: JobId,
    attempt: u64,
    next: u64,
    lines: u64,
}

impl Rest {
    /// Writes the next line. False: there is none.
    fn write(&mut self) -> bool {
        if self.next == self.lines {
            return false;
        }
        let text = line(self.id, self.attempt, self.next);
        let scene = &self.scene;
        scene.stage.step();
        if !scene.world.errs(Fault::AnswerCut) {
            rustix::io::write(&self.output, text.as_bytes()).expect("a line");
            scene.world.date(self.output.as_fd());
        }
        self.next += 1;
        true
    }
}

/// When a worker dies, what its command has started may live on.
struct Group(Option<Rest>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut rest) = self.0.take().filter(|_| thread::panicking()) else {
            return;
        };
        let scene = Arc::clone(&rest.scene);
        if !scene.stage.once_in(2) {
            return;
        }
        scene.ledger().reach("left behind");
        if scene.world.fault == Fault::LockNotInherited {
            let answer = scene.path.join(rest.id.as_str());
            let Ok(output) = File::options().append(true).open(answer) else {
                return;
            };
            rest.output = output;
        }
        let process = scene.stage.new_process();
        scene.stage.clone().spawn(process, move || {
            while rest.write() {
                let pause = rest.scene.stage.below(3000);
                rest.scene.stage.sleep(pause, Event::Never);
            }
        });
    }
}

impl Run for Command {
    fn run(&self, directory: &JobDirectory, id: JobId, answer: &Answer) -> Ended {
        let scene = &self.0;
        let Some(body) = server::request(directory, id) else {
            // Its files were removed.
            return Ended::NotStarted(Errno::NOENT);
        };
        if !scene.is_calm() && scene.stage.once_in(10) {
            scene.ledger().reach("not started");
            return Ended::NotStarted(Errno::AGAIN);
        }
        let deadline = directory.record(id).map(|record| record.deadline);
        let (lines, status) = plan(&body);
        scene.ledger().begins(id, answer.attempts);
        scene.world.tell(format_args!("{id} runs"));
        if scene.world.fault == Fault::ToldEarly {
            let told = openrange::jobs::record::done_line(id, status, 0);
            directory.append("done", told.as_bytes()).expect("a line");
        }
        let mut group = Group(Some(Rest {
            scene: Arc::clone(scene),
            output: answer.output().expect("a descriptor"),
            id,
            attempt: answer.attempts,
            next: 0,
            lines,
        }));
        loop {
            let rest = group.0.as_mut().expect("it runs");
            let more = match scene.stage.below(2) {
                0 => rest.write(),
                _ => rest.next < rest.lines,
            };
            if !more {
                *scene.ledger().whole.entry(id).or_default() += 1;
                group.0 = None;
                scene.stage.step();
                return Ended::With(status);
            }
            let pause = COMMAND_LOOK * (1 + scene.stage.below(8));
            scene.stage.sleep(pause, Event::Never);
            let ended = if answer.is_sealed() {
                Ended::SealedByAnother
            } else if deadline.is_some_and(|deadline| scene.world.clock().as_secs() >= deadline) {
                Ended::With(JobStatus::Timeout)
            } else {
                continue;
            };
            group.0 = None;
            return ended;
        }
    }

    fn is_cut(&self) -> bool {
        false
    }
}

/// The same moment for all runners.
pub fn begin() -> Instant {
    Instant::now()
}
