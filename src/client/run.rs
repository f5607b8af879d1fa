//! The loop of `openrange follow`: does what the machine asks for, and never waits but for the poller.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::command::{Handled, Runner};
use super::end::End;
use super::exchange;
use super::follower::{Follower, Link, Outcome, Task};
use super::gauge::Gauge;
use super::output::Output;
use super::pace::Pace;
use super::position::Position;
use super::progress::Display;
use super::settings::Settings;
use super::state::State;
use super::tls::Trust;
use super::transport::{Transport, Turn};
use super::url::Url;
use crate::jobs::work::program;
use crate::limits::CLIENT_COMMAND_GRACE;
use crate::log::stderr;
use crate::os::epoll::{Poll, Token};
use crate::os::sys;
use crate::readiness::Interest;
use crate::time::Moment;

/// What to follow, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The log.
    pub url: Url,
    /// Whose certificates are believed, if the URL is one of TLS.
    pub trust: Option<Trust>,
    /// How.
    pub settings: Settings,
    /// Where the position is kept.
    pub state: Option<PathBuf>,
    /// Program and arguments that get the batches; none: stdout gets the bytes.
    pub command: Vec<OsString>,
    /// Bytes in a second, at most.
    pub max_rate: Option<u64>,
    /// Show on stderr how far it is.
    pub progress: bool,
}

const MAIN: Token = Token::Slot(0);
const LATE: Token = Token::Slot(1);
const STDOUT: Token = Token::Slot(2);
const SIGNAL: Token = Token::Slot(3);
const GAUGE: Token = Token::Slot(4);
const LATE_TAIL: Token = Token::Slot(5);

/// Follows until the end.
///
/// # Errors
/// Of the system, before anything was handed over.
pub fn run(options: Options) -> io::Result<End> {
    if let Some(program) = options.command.first()
        && let Err(why) = program::check(program)
    {
        return Ok(End::Failure(why));
    }
    let poll = Poll::new()?;
    let sink = Sink::open(&options, &poll)?;
    let sync = matches!(&sink, Sink::Stdout(output) if output.is_file());
    let opened = State::open(options.state.as_deref(), &options.url, sync, &poll);
    let (state, position) = match opened {
        Ok(opened) => opened,
        Err(end) => return Ok(end),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let wake = watch_signals(&stop, &poll, SIGNAL)?;
    let (server, trust) = (&options.url.server, options.trust.as_ref());
    let transport = |token| Transport::new(server, trust, token, poll.waker());
    let now = now();
    let display = options.progress.then(|| Display::new(&options.url, now));
    let display = display.flatten();
    let mut driver = Driver {
        main: transport(MAIN),
        late: transport(LATE),
        late_tail: transport(LATE_TAIL),
        sink,
        pace: Pace::new(options.max_rate, now),
        display: display.map(|display| (display, Gauge::new(transport(GAUGE), now))),
        follower: Follower::new(options.settings, position, now),
        url: options.url,
        state,
        poll,
        stop,
        wake,
        stopping: Moment::NEVER,
        stdout_room: true,
    };
    driver.run()
}

/// The monotonic clock.
#[must_use]
pub fn now() -> Moment {
    Moment(u64::try_from(sys::monotonic().as_millis()).unwrap_or(u64::MAX))
}

/// SIGTERM and SIGINT set the flag, and wake the poller.
///
/// # Errors
/// EMFILE and the like.
pub fn watch_signals(stop: &Arc<AtomicBool>, poll: &Poll, token: Token) -> io::Result<UnixStream> {
    let (wake, signal) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    for number in [SIGTERM, SIGINT] {
        signal_hook::flag::register(number, Arc::clone(stop))?;
        signal_hook::low_level::pipe::register(number, signal.try_clone()?)?;
    }
    poll.add(&wake, token, Interest::READABLE)?;
    Ok(wake)
}

/// The poller has told of a signal: it tells no more of that one.
pub fn heard(mut wake: &UnixStream) {
    while matches!(wake.read(&mut [0; 16]), Ok(1..)) {}
}

/// Where the bytes go.
enum Sink {
    Stdout(Output),
    Command(Runner),
}

impl Sink {
    fn open(options: &Options, poll: &Poll) -> io::Result<Sink> {
        if !options.command.is_empty() {
            let url = options.url.to_string();
            return Ok(Sink::Command(Runner::new(options.command.clone(), &url)));
        }
        let output = Output::open()?;
        if let Some(fd) = output.polled() {
            poll.add(fd, STDOUT, Interest::NONE)?;
        }
        Ok(Sink::Stdout(output))
    }
}

struct Driver {
    url: Url,
    follower: Follower,
    main: Transport,
    late: Transport,
    late_tail: Transport,
    sink: Sink,
    state: State,
    pace: Pace,
    display: Option<(Display, Gauge)>,
    poll: Poll,
    stop: Arc<AtomicBool>,
    wake: UnixStream,
    /// When a command that still runs is given up.
    stopping: Moment,
    stdout_room: bool,
}

/// What a step of the loop came to.
enum Step {
    /// Something was done: there may be more to do.
    Again,
    /// Nothing, until something happens.
    Rest,
    Over(End),
}

impl Driver {
    fn run(&mut self) -> io::Result<End> {
        loop {
            let now = now();
            self.follower.run(now);
            if self.stop.load(Ordering::Relaxed) {
                self.stop(now);
            }
            let done = match self.tasks(now)? {
                Step::Over(end) => {
                    if let Some((display, _)) = &mut self.display {
                        display.clear();
                    }
                    return Ok(end);
                }
                step => step,
            };
            let mut received = self.exchange(now);
            if let Some((display, gauge)) = &mut self.display {
                received |= gauge.run(&mut self.follower, &self.poll, now);
                display.show(&self.follower, now);
            }
            if !received && matches!(done, Step::Rest) {
                self.wait(now)?;
            }
        }
    }

    /// Everything that the machine asks for at the moment.
    fn tasks(&mut self, now: Moment) -> io::Result<Step> {
        let mut done = Step::Rest;
        loop {
            if let Some(result) = self.state.result() {
                match result {
                    Ok(()) => self.follower.saved(),
                    Err(error) => return Ok(Step::Over(self.unsaved(&error))),
                }
            }
            let step = self.task(now)?;
            match step {
                Step::Again => done = Step::Again,
                Step::Rest => return Ok(done),
                Step::Over(_) => return Ok(step),
            }
            self.follower.run(now);
        }
    }

    fn task(&mut self, now: Moment) -> io::Result<Step> {
        match self.follower.task() {
            Task::None => return Ok(Step::Rest),
            Task::Report(line) => {
                if let Some((display, _)) = &mut self.display {
                    display.clear();
                }
                stderr::say(&format!("{}: {line}", self.url));
                self.follower.reported();
            }
            Task::Save(position) => {
                self.follower.saving();
                self.save(&position);
            }
            Task::HandOver(offered) => {
                let count = match &mut self.sink {
                    Sink::Stdout(output) => match output.write(offered.bytes) {
                        Ok(count) => {
                            self.stdout_room = count > 0;
                            count
                        }
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                            self.follower.stop();
                            return Ok(Step::Again);
                        }
                        Err(error) => {
                            self.follower.give_up(format!("stdout: {error}"));
                            return Ok(Step::Again);
                        }
                    },
                    Sink::Command(runner) => {
                        match runner.hand_over(offered, self.poll.waker(), now) {
                            Handled::Not if now >= self.stopping => {
                                runner.terminate();
                                self.follower.handed_over(0);
                                return Ok(Step::Again);
                            }
                            Handled::Not => return Ok(Step::Rest),
                            Handled::Done => offered.bytes.len(),
                            Handled::Failed(why) => {
                                stderr::say(&format!("{}: {why}", self.url));
                                if self.stopping < Moment::NEVER {
                                    self.follower.handed_over(0);
                                    return Ok(Step::Again);
                                }
                                return Ok(Step::Rest);
                            }
                            Handled::Impossible(why) => {
                                self.follower.give_up(why);
                                return Ok(Step::Again);
                            }
                        }
                    }
                };
                if count == 0 {
                    return Ok(Step::Rest);
                }
                self.follower.handed_over(count);
            }
            Task::Finish(outcome) => {
                return Ok(Step::Over(match outcome.clone() {
                    Outcome::Success => End::Success,
                    Outcome::Failure(why) => End::Failure(format!("{}: {why}", self.url)),
                    Outcome::Gap(what) => End::Gap(format!("{}: {what}", self.url)),
                }));
            }
        }
        Ok(Step::Again)
    }

    fn save(&mut self, position: &Position) {
        match &mut self.state {
            State::File(file) => file.save(position.to_json(&self.url.to_string())),
            State::Nowhere => self.follower.saved(),
        }
    }

    /// It ends without a position on disk. A failure that came first says more: a disk that is full is so for both.
    fn unsaved(&self, error: &io::Error) -> End {
        let why = format!("cannot save the position: {error}");
        End::Failure(match self.follower.failure() {
            Some(first) => format!("{}: {first}; {why}", self.url),
            None => why,
        })
    }

    /// Sends and receives. True if something came of it.
    fn exchange(&mut self, now: Moment) -> bool {
        let mut progress = false;
        let links = [
            (Link::Main, &mut self.main),
            (Link::Late, &mut self.late),
            (Link::LateTail, &mut self.late_tail),
        ];
        for (link, transport) in links {
            let exchange = self.follower.exchange(link);
            let most = self.pace.allowance(now);
            let before = exchange.received();
            let connecting = exchange.state() == exchange::State::Connecting;
            progress |= transport.drive(exchange, &self.poll, most) == Turn::Progress;
            self.pace.spend(exchange.received() - before);
            if connecting && exchange.state() == exchange::State::ReadingHeaders {
                self.follower.established(link, now);
            }
        }
        progress
    }

    fn stop(&mut self, now: Moment) {
        if self.stopping == Moment::NEVER {
            self.stopping = match &self.sink {
                Sink::Command(runner) if runner.is_running() => now + CLIENT_COMMAND_GRACE,
                _ => now,
            };
            self.follower.stop();
        }
    }

    /// Waits until something happens.
    fn wait(&mut self, now: Moment) -> io::Result<()> {
        let mut deadline = self.follower.deadline().min(self.pace.deadline(now));
        match &self.sink {
            Sink::Command(runner) if !runner.is_running() && runner.next > now => {
                deadline = deadline.min(runner.next);
            }
            Sink::Stdout(output) => {
                if let Some(fd) = output.polled() {
                    let interest = Interest {
                        readable: false,
                        writable: !self.stdout_room,
                    };
                    self.poll.modify(fd, STDOUT, interest)?;
                }
            }
            Sink::Command(_) => {}
        }
        if self.stopping > now {
            deadline = deadline.min(self.stopping);
        }
        if let Some((_, gauge)) = &self.display {
            let second = now + Duration::from_secs(1);
            deadline = deadline.min(second).min(gauge.deadline());
        }
        let timeout = (deadline < Moment::NEVER).then(|| deadline - now);
        self.poll.wait(timeout)?;
        let (mut stdout, mut signal) = (false, false);
        for ready in self.poll.ready() {
            match ready.token {
                MAIN => self.main.ready = true,
                LATE => self.late.ready = true,
                LATE_TAIL => self.late_tail.ready = true,
                STDOUT => stdout = true,
                SIGNAL => signal = true,
                GAUGE => {
                    if let Some((_, gauge)) = &mut self.display {
                        gauge.transport.ready = true;
                    }
                }
                _ => {}
            }
        }
        if signal {
            heard(&self.wake);
            self.stop.store(true, Ordering::Relaxed);
        }
        if let (true, Sink::Stdout(output)) = (stdout, &self.sink) {
            self.stdout_room = true;
            if output.is_broken() {
                self.follower.stop();
            }
        }
        Ok(())
    }
}
