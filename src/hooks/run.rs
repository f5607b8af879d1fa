//! The loop of `openrange hooks`: makes attempts, saves what was sent, and waits for nothing but the poller.

use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use log::{error, info, warn};

use super::backlog::{Backlog, Progress};
use super::done::Done;
use super::lane::{Lane, Step};
use super::notification::Secrets;
use super::options::HookOptions;
use super::sandbox;
use super::state::State;
use crate::client::end::End;
use crate::client::run::{heard, now, watch_signals};
use crate::client::state_file::{self, Lock, Unusable};
use crate::client::tls::Trust;
use crate::client::url::Server;
use crate::jobs::operand;
use crate::limits::{
    HOOK_GRACE, HOOK_LANES, HOOK_ROLL_PAUSE, HOOK_SAVE_AGAIN, HOOK_SAVE_INTERVAL, HOOK_STATE_MAX,
};
use crate::os::epoll::{Poll, Token};
use crate::os::rights::warn_if_open;
use crate::readiness::Interest;
use crate::time::Moment;

const SIGNAL: Token = Token::Listener(0);
/// Tells of ends until SIGTERM or SIGINT.
///
/// # Errors
/// Of the system.
pub fn run(options: HookOptions) -> io::Result<End> {
    match Driver::new(options) {
        Ok(mut driver) => driver.run(),
        Err(end) => Ok(end),
    }
}

struct Driver {
    options: HookOptions,
    secrets: Secrets,
    backlog: Backlog,
    lanes: Vec<Lane>,
    /// When to save at the earliest.
    save: Moment,
    poll: Poll,
    stop: Arc<AtomicBool>,
    /// When attempts that are under way are given up.
    end: Moment,
    wake: UnixStream,
    _lock: Lock,
}

/// Two clocks at the same moment: ours, and milliseconds since 1970.
fn clocks() -> (Moment, u64) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (now(), u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Driver {
    /// Opens everything, then gives up what is not needed.
    fn new(options: HookOptions) -> Result<Driver, End> {
        fn failed(what: impl Display, why: impl Display) -> End {
            End::Failure(format!("{what}: {why}"))
        }
        let path = options.directory.display();
        let directory = operand::open(&options.directory).map_err(End::Failure)?;
        let secrets = read_secrets(&options.secret).map_err(|why| {
            let secret = options.secret.display();
            End::Failure(format!(
                "--secret {secret}: {why}; it must be a file that hooks can read, with a secret on each line: \
                 echo whsec_$(openssl rand -base64 32) prints one"
            ))
        })?;
        let state = options.state.display();
        let mut lock = state_file::lock(&options.state).map_err(|why| match why {
            Unusable::Failed(why) => End::Failure(why),
            Unusable::Locked => End::Locked(format!(
                "another openrange hooks uses the state file {state}"
            )),
        })?;
        lock.keep();
        let saved = read_state(&options);
        let mut saved = saved.map_err(|why| failed(format_args!("state file {state}"), why))?;
        saved.limit_pauses(&options.pauses, clocks().1);
        let done = Done::new(&options.directory).map_err(|error| failed(&path, error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let polled = Poll::new().and_then(|poll| {
            if let Some(events) = done.events() {
                poll.add(events, Token::Watch, Interest::READABLE)?;
            }
            let wake = watch_signals(&stop, &poll, SIGNAL)?;
            Ok((poll, wake))
        });
        let (poll, wake) = polled.map_err(|error| failed("cannot wait for events", error))?;
        sandbox::enter(&options).map_err(|error| {
            let why = format!("{error}; --no-sandbox does without");
            failed("cannot restrict the process", why)
        })?;
        info!("sending notifications of the jobs in {path}");
        operand::note_missing_queue(&directory, &options.directory);
        let allow = options.allow.clone();
        Ok(Driver {
            secrets,
            backlog: Backlog::new(directory, done, allow, saved, clocks()),
            lanes: Vec::new(),
            save: Moment(0),
            poll,
            stop,
            end: Moment::NEVER,
            wake,
            _lock: lock,
            options,
        })
    }

    fn run(&mut self) -> io::Result<End> {
        loop {
            let now = now();
            if self.stop.load(Ordering::Relaxed) && self.end == Moment::NEVER {
                self.end = now + HOOK_GRACE;
                // Nobody looks for what these tell of any more.
                if let Some(events) = self.backlog.events() {
                    self.poll.remove(events);
                }
            }
            let ends = self.end < Moment::NEVER;
            let mut progress = Progress::End;
            if !ends {
                progress = self.backlog.look(now);
                if self.begin(now) {
                    progress = Progress::More;
                }
            }
            if self.drive(now) {
                progress = Progress::More;
            }
            if ends && (now >= self.end || !self.lanes.iter().any(Lane::is_busy)) {
                return Ok(match self.write_state() {
                    Ok(()) => End::Success,
                    Err(why) => End::Failure(why),
                });
            }
            self.save(now);
            match progress {
                Progress::More => {}
                Progress::Wait => self.wait(now, now + HOOK_ROLL_PAUSE)?,
                // Something may have changed of which nothing tells.
                Progress::End => self.wait(now, now + self.backlog.interval())?,
            }
        }
    }

    /// Begins attempts that are due, as many as there are connections for. True: there is more to look for.
    fn begin(&mut self, now: Moment) -> bool {
        let mut more = false;
        for url in self.backlog.due(now) {
            let Some(ended) = self.backlog.notification(&url) else {
                more = true;
                continue;
            };
            let Some(callback) = self.backlog.target(&url).map(|target| &target.callback) else {
                continue;
            };
            let Some(index) = free_lane(
                &mut self.lanes,
                &callback.server,
                self.options.trust.as_ref(),
                &self.poll,
            ) else {
                continue;
            };
            let request = ended.request(callback, &self.secrets, clocks().1 / 1000);
            self.lanes[index].begin(&url, request, self.options.timeout, now);
            self.backlog.begin(&url);
        }
        more
    }

    /// Sends and receives. True: there may be more to do.
    fn drive(&mut self, now: Moment) -> bool {
        let mut more = false;
        for lane in &mut self.lanes {
            match lane.drive(&self.poll, now) {
                Step::Over(url, verdict) => {
                    let pauses = &self.options.pauses;
                    self.backlog.judge(&url, verdict, pauses, now);
                    more = true;
                }
                Step::Again => more = true,
                Step::Rest => {}
            }
        }
        more
    }

    /// Saves which notifications were sent, if that is due. What it cannot save it sends
    /// again after a crash.
    fn save(&mut self, now: Moment) {
        if !self.backlog.is_dirty || now < self.save {
            return;
        }
        self.save = now + HOOK_SAVE_INTERVAL;
        if let Err(why) = self.write_state() {
            error!("{why}");
            self.save = now + HOOK_SAVE_AGAIN;
        }
    }

    fn write_state(&mut self) -> Result<(), String> {
        let path = &self.options.state;
        let text = self.backlog.state(clocks()).to_json();
        state_file::replace(path, text.as_bytes())
            .map_err(|error| format!("state file {}: {error}", path.display()))?;
        self.backlog.is_dirty = false;
        Ok(())
    }

    fn wait(&mut self, now: Moment, next_look: Moment) -> io::Result<()> {
        let lanes = self.lanes.iter().map(Lane::deadline);
        let save = match self.backlog.is_dirty {
            true => self.save,
            false => Moment::NEVER,
        };
        let others = [next_look, self.end, save, self.backlog.deadline(now)];
        let deadline = lanes.chain(others).min().unwrap_or(next_look);
        self.poll.wait(Some(deadline - now))?;
        for ready in self.poll.ready() {
            match ready.token {
                Token::Slot(index) if index < self.lanes.len() => {
                    self.lanes[index].transport.ready = true;
                }
                SIGNAL => {
                    heard(&self.wake);
                    self.stop.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A connection to a server on which nothing is under way; `None`: there are as many as may be.
fn free_lane(
    lanes: &mut Vec<Lane>,
    server: &Server,
    trust: Option<&Trust>,
    poll: &Poll,
) -> Option<usize> {
    let to_server = lanes.iter().enumerate();
    let to_server = to_server.filter(|(_, lane)| lane.server == *server);
    if let Some((index, _)) = to_server.clone().find(|(_, lane)| !lane.is_busy()) {
        return Some(index);
    }
    if to_server.count() >= HOOK_LANES {
        return None;
    }
    let index = lanes.len();
    lanes.push(Lane::new(server, trust, Token::Slot(index), poll.waker()));
    Some(index)
}

fn read_secrets(path: &Path) -> io::Result<Secrets> {
    let text = fs::read_to_string(path)?;
    let secrets = Secrets::parse(&text).map_err(io::Error::other)?;
    if let Ok(stat) = rustix::fs::stat(path) {
        warn_if_open(path, stat.st_mode);
    }
    if secrets.are_weak() {
        let path = path.display();
        warn!("{path}: a secret should have at least 24 bytes");
    }
    Ok(secrets)
}

fn read_state(options: &HookOptions) -> Result<State, String> {
    match state_file::read(&options.state, HOOK_STATE_MAX) {
        Ok(None) => Ok(State::default()),
        Ok(Some(text)) => {
            let state = State::from_json(&text);
            state.ok_or_else(|| {
                "it is damaged; remove it to begin with the oldest line of done".into()
            })
        }
        Err(error) => Err(error.to_string()),
    }
}
