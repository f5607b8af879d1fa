//! Processes that are threads, of which one at a time runs: at each system call the seed decides who goes on, whether time
//! passes, and whether the process dies before the call. A process that dies unwinds: its locks and files go, as if the
//! kernel had closed them, and nothing else of it happens.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::support::random::Random;

/// A process; [`DIRECTOR`] is the test itself.
pub type Process = usize;

pub const DIRECTOR: Process = 0;
/// A life that takes more steps never ends.
const STEPS_MAX: u64 = 60_000;
const STACK: usize = 256 * 1024;

#[derive(Clone)]
pub struct Stage(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    random: Random,
    /// Milliseconds since the beginning.
    now: u64,
    current: usize,
    actors: Vec<Actor>,
    steps: u64,
    processes: usize,
    /// Deaths that are still to come, and one in how many steps brings one.
    deaths: u64,
    odds: u64,
    died: bool,
    failure: Option<String>,
}

struct Actor {
    process: Process,
    /// It does nothing before.
    wake: u64,
    /// What wakes it earlier.
    until: Event,
    killed: bool,
    finished: bool,
    turn: Arc<Condvar>,
}

/// What a thread may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Only for time to pass.
    Never,
    /// A request comes to this server.
    Request(Process),
    /// The request with this number is answered.
    Reply(u64),
    /// This server hears of an end.
    End(Process),
    /// The runners of this worker have a job.
    Job(Process),
    /// `queue` has changed.
    Queue,
    /// `done` has changed.
    Done,
    /// An answer is sealed.
    Seal,
}

/// What unwinds a thread whose process has died.
struct Killed;

impl Stage {
    /// `deaths`: how many processes die at most; `odds`: one in how many steps.
    pub fn new(random: Random, deaths: u64, odds: u64) -> Stage {
        let director = Actor {
            process: DIRECTOR,
            wake: 0,
            until: Event::Never,
            killed: false,
            finished: false,
            turn: Arc::default(),
        };
        let state = State {
            random,
            now: 0,
            current: 0,
            actors: vec![director],
            steps: 0,
            processes: 1,
            deaths,
            odds,
            died: false,
            failure: None,
        };
        Stage(Arc::new(Shared {
            state: Mutex::new(state),
            threads: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = &self.0.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.state().random.below(bound)
    }

    /// True once in so many times.
    pub fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.state().now
    }

    pub fn new_process(&self) -> Process {
        let mut state = self.state();
        state.processes += 1;
        state.processes - 1
    }

    /// The process whose turn it is.
    pub fn process(&self) -> Process {
        let state = self.state();
        state.actors[state.current].process
    }

    /// Adds a thread to a process; it has its first turn later.
    pub fn spawn(&self, process: Process, work: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        let turn = Arc::<Condvar>::default();
        let number = state.actors.len();
        let wake = state.now;
        state.actors.push(Actor {
            process,
            wake,
            until: Event::Never,
            killed: false,
            finished: false,
            turn: Arc::clone(&turn),
        });
        drop(state);
        let stage = self.clone();
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            let mut work = Some(work);
            let life = panic::catch_unwind(AssertUnwindSafe(|| {
                stage.await_turn(number, &turn);
                (work.take().expect("once"))();
            }));
            drop(work);
            stage.finish(number, life.err());
        });
        let mut threads = self.0.threads.lock().expect("no panic");
        threads.push(thread.expect("a thread"));
    }

    fn await_turn(&self, number: usize, turn: &Condvar) {
        let mut state = self.state();
        while state.current != number {
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.actors[number].killed {
            drop(state);
            panic::resume_unwind(Box::new(Killed));
        }
    }

    fn finish(&self, number: usize, why: Option<Box<dyn Any + Send>>) {
        let mut state = self.state();
        state.actors[number].finished = true;
        if let Some(why) = why.filter(|why| !why.is::<Killed>()) {
            let text = why.downcast_ref::<String>().map(String::as_str);
            let text = text.or(why.downcast_ref::<&str>().copied());
            state.fail(text.unwrap_or("a panic").to_owned());
        }
        let next = state.pass_on();
        drop(state);
        next.notify_one();
    }

    /// What comes before each system call.
    pub fn step(&self) {
        if thread::panicking() {
            return;
        }
        let mut state = self.state();
        let me = state.current;
        state.steps += 1;
        if state.steps > STEPS_MAX {
            state.fail("it never ends".to_owned());
        }
        if state.random.below(3) == 0 {
            state.now += 1;
        }
        let process = state.actors[me].process;
        let odds = state.odds;
        if process != DIRECTOR && state.deaths > 0 && state.random.below(odds) == 0 {
            state.deaths -= 1;
            state.died = true;
            state.kill(process);
        }
        if state.actors[me].killed {
            drop(state);
            panic::resume_unwind(Box::new(Killed));
        }
        if state.random.below(4) == 0 {
            self.give_way(state);
        }
    }

    /// Does nothing for so many milliseconds, or until this happens.
    pub fn sleep(&self, milliseconds: u64, until: Event) {
        if thread::panicking() {
            return;
        }
        let mut state = self.state();
        let me = state.current;
        state.actors[me].wake = state.now + milliseconds;
        state.actors[me].until = until;
        self.give_way(state);
    }

    fn give_way(&self, mut state: MutexGuard<'_, State>) {
        let me = state.current;
        let turn = Arc::clone(&state.actors[me].turn);
        let next = state.pass_on();
        drop(state);
        next.notify_one();
        self.await_turn(me, &turn);
    }

    /// Something happens that others may wait for.
    pub fn wake(&self, event: Event) {
        let mut state = self.state();
        let now = state.now;
        let sleepers = state.actors.iter_mut();
        for actor in sleepers.filter(|actor| actor.until == event) {
            actor.wake = actor.wake.min(now);
        }
    }

    pub fn is_alive(&self, process: Process) -> bool {
        let state = self.state();
        let mut actors = state.actors.iter();
        actors.any(|actor| actor.process == process && !actor.finished)
    }

    /// A process dies; it is another one than that whose turn it is.
    pub fn kill(&self, process: Process) {
        self.state().kill(process);
    }

    /// From now on nobody dies.
    pub fn calm(&self) {
        self.state().deaths = 0;
    }

    /// Whether somebody has died before its time.
    pub fn has_deaths(&self) -> bool {
        self.state().died
    }

    /// A promise is broken: everything ends.
    pub fn fail(&self, why: String) {
        let mut state = self.state();
        state.fail(why);
        let is_director = state.actors[state.current].process == DIRECTOR;
        drop(state);
        if !is_director && !thread::panicking() {
            panic::resume_unwind(Box::new(Killed));
        }
    }

    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Ends everybody but the director.
    pub fn end(&self) {
        loop {
            let mut state = self.state();
            for actor in &mut state.actors[1..] {
                actor.killed = true;
            }
            if state.actors[1..].iter().all(|actor| actor.finished) {
                break;
            }
            self.give_way(state);
        }
        let threads = std::mem::take(&mut *self.0.threads.lock().expect("no panic"));
        for thread in threads {
            thread.join().expect("what it panicked with was caught");
        }
    }
}

impl State {
    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
        self.deaths = 0;
        for actor in &mut self.actors[1..] {
            actor.killed = true;
        }
        self.actors[0].wake = 0;
    }

    fn kill(&mut self, process: Process) {
        let actors = self.actors.iter_mut();
        for actor in actors.filter(|actor| actor.process == process) {
            actor.killed = true;
        }
    }

    /// Decides who is next. The threads of a process that has died go before everybody else.
    fn pass_on(&mut self) -> Arc<Condvar> {
        let dead = self
            .actors
            .iter()
            .position(|actor| actor.killed && !actor.finished);
        let next = dead.unwrap_or_else(|| self.pick());
        self.current = next;
        Arc::clone(&self.actors[next].turn)
    }

    fn pick(&mut self) -> usize {
        let living = || {
            let actors = self.actors.iter().enumerate();
            actors.filter(|(_, actor)| !actor.finished)
        };
        let soonest = living().map(|(_, actor)| actor.wake).min();
        self.now = self.now.max(soonest.unwrap_or(0));
        let awake = living().filter(|(_, actor)| actor.wake <= self.now);
        let awake: Vec<usize> = awake.map(|(number, _)| number).collect();
        awake[self.random.below(awake.len() as u64) as usize]
    }
}
