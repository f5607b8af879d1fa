//! Which notifications are left: how far `done` was read, and the targets that are behind.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use log::{error, info, warn};

use super::callback::{Callback, Origin};
use super::done::{Done, Place, Read};
use super::notification::Ended;
use super::pauses::Pauses;
use super::state::{Behind, State};
use super::target::{Target, Verdict};
use crate::jobs::files::JobDirectory;
use crate::limits::{HOOK_FOREIGN_MAX, HOOK_GONE_MAX, HOOK_READ, HOOK_TARGETS_MAX};
use crate::sorted::{SortedMap, SortedSet, sort};
use crate::time::Moment;

/// See the module.
pub struct Backlog {
    directory: JobDirectory,
    done: Done,
    allow: Vec<Origin>,
    /// For each of those origins: up to here `done` was read for new targets of it, if that is not as far as for the others,
    /// because too many are behind.
    held: Vec<Option<Place>>,
    /// Up to here `done` was read for new targets; `None`: there is no such file yet.
    place: Option<Place>,
    /// Those that are behind, by their URLs.
    targets: SortedMap<Box<str>, Target>,
    /// URLs that want no further notification, oldest first.
    gone: VecDeque<Box<str>>,
    /// URLs of which the log has said that they get no notifications.
    foreign: SortedSet<Box<str>>,
    buffer: Box<[u8]>,
    /// What is on disk is older than this.
    pub is_dirty: bool,
}

/// How far reading `done` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Everything was read.
    End,
    /// `done` cannot be read now, or a rolled file of it may still grow: read on after a moment.
    Wait,
    /// There may be more.
    More,
}

impl Backlog {
    /// What a saved state says. `now` and `wall` (milliseconds since 1970) are the same moment.
    #[must_use]
    pub fn new(
        directory: JobDirectory,
        done: Done,
        allow: Vec<Origin>,
        state: State,
        (now, wall): (Moment, u64),
    ) -> Backlog {
        let held = |origin: &Origin| {
            let mut held = state.held.iter();
            let held = held.find(|(url, _)| Origin::parse(url).is_ok_and(|of| of == *origin));
            held.map(|(_, place)| *place)
        };
        let mut backlog = Backlog {
            directory,
            done,
            held: allow.iter().map(held).collect(),
            allow,
            place: state.place,
            targets: SortedMap::new(),
            gone: state.gone.into_iter().map(Into::into).collect(),
            foreign: SortedSet::new(),
            buffer: vec![0; HOOK_READ].into(),
            is_dirty: false,
        };
        for behind in state.targets {
            // Those that are not listed any more are forgotten.
            let Some((_, callback)) = backlog.permitted(&behind.url) else {
                continue;
            };
            let pause = Duration::from_millis(behind.next.saturating_sub(wall));
            let target = Target {
                attempts: behind.attempts,
                due: now + pause,
                ..Target::new(callback, behind.place)
            };
            backlog.targets.insert(behind.url.into(), target);
        }
        backlog
    }

    /// The state to be saved.
    #[must_use]
    pub fn state(&self, (now, wall): (Moment, u64)) -> State {
        let targets = self.targets.iter().map(|(url, target)| Behind {
            url: url.to_string(),
            place: target.place,
            attempts: target.attempts,
            next: wall + u64::try_from((target.due - now).as_millis()).unwrap_or(0),
        });
        let held = self.allow.iter().zip(&self.held);
        let held = held.filter_map(|(origin, place)| Some((origin.to_string(), (*place)?)));
        State {
            place: self.place,
            held: held.collect(),
            targets: targets.collect(),
            gone: self.gone.iter().map(ToString::to_string).collect(),
        }
    }

    /// What tells that there may be something to look at.
    #[must_use]
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        self.done.events().map(AsFd::as_fd)
    }

    /// How long to wait for an event of `done` before the next look.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.done.interval()
    }

    /// Reads on, for new targets and for those that are behind.
    pub fn look(&mut self, now: Moment) -> Progress {
        self.done.look();
        let looking = self.targets.iter().filter(|(_, target)| target.looks());
        let urls: Vec<Box<str>> = looking.map(|(url, _)| url.clone()).collect();
        let mut progress = self.discover(None, now);
        for origin in 0..self.held.len() {
            progress = progress.max(self.discover(Some(origin), now));
        }
        for url in urls {
            progress = progress.max(self.seek(&url, now));
        }
        progress
    }

    /// Reads new lines of `done`, to find targets that are behind from there on: all of them, or those of an origin that had
    /// too many.
    fn discover(&mut self, origin: Option<usize>, now: Moment) -> Progress {
        let place = match origin {
            Some(origin) if self.count(origin) >= self.share() => None,
            Some(origin) => self.held[origin],
            None => self.place.or_else(|| self.done.oldest()),
        };
        let Some(place) = place else {
            return Progress::End;
        };
        let limit = match origin {
            Some(_) => distance(place, self.place),
            None => usize::MAX,
        };
        if limit == 0 {
            // It is where the others are.
            self.hold(origin, None);
            return Progress::End;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = limit.min(buffer.len());
        let (next, progress) = match self.done.read(place, &mut buffer[..length]) {
            Read::Lines(lines) => (self.notice(origin, place, lines, now), Progress::More),
            Read::Passed(next) => (next, Progress::More),
            Read::End => (place, Progress::End),
            Read::Wait => (place, Progress::Wait),
        };
        self.buffer = buffer;
        self.hold(origin, Some(next));
        progress
    }

    /// Up to there `done` was read for an origin, or for those that are not behind the others.
    fn hold(&mut self, origin: Option<usize>, place: Option<Place>) {
        let known = match origin {
            Some(origin) => &mut self.held[origin],
            None => &mut self.place,
        };
        self.is_dirty |= *known != place;
        *known = place;
    }

    /// How many targets of an origin are behind.
    fn count(&self, origin: usize) -> usize {
        let targets = self.targets.values();
        let of = &self.allow[origin];
        targets.filter(|target| target.callback.is_of(of)).count()
    }

    /// How many targets of an origin may be behind.
    fn share(&self) -> usize {
        (HOOK_TARGETS_MAX / self.allow.len()).max(1)
    }

    /// Takes note of the targets of lines at a place. Returns the place after them.
    fn notice(&mut self, origin: Option<usize>, place: Place, lines: &[u8], now: Moment) -> Place {
        let mut place = place;
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let after = place.plus(line);
            if origin.is_none() && Ended::parse(line).is_none() {
                let text = String::from_utf8_lossy(line);
                warn!("cannot parse a line of done: {:?}", text.trim_end());
            }
            if let Some((url, ended)) = self.read_line(line)
                && !self.targets.contains_key(&*url)
                && let Some((of, callback)) = self.permitted(&url)
                && origin.map_or(self.held[of].is_none(), |origin| origin == of)
            {
                if self.count(of) < self.share() {
                    let mut target = Target::new(callback, place);
                    target.found(ended, after, now);
                    self.targets.insert(url, target);
                } else if origin.is_some() {
                    break;
                } else {
                    let (count, of_it) = (self.share(), &self.allow[of]);
                    warn!("{count} URLs of {of_it} are behind: its others wait for them");
                    self.hold(Some(of), Some(place));
                }
            }
            place = after;
        }
        place
    }

    /// The URL that gets a notification of a line, if there is one.
    fn read_line(&self, line: &[u8]) -> Option<(Box<str>, Ended)> {
        let ended = Ended::parse(line)?;
        let url = self.directory.record(ended.id)?.callback?;
        Some((url.into(), ended))
    }

    /// The target of a URL, if `--allow` lists its origin (the number says which) and it still wants notifications.
    fn permitted(&mut self, url: &str) -> Option<(usize, Callback)> {
        if self.gone.iter().any(|gone| **gone == *url) {
            return None;
        }
        let why = match Callback::parse(url) {
            Ok(callback) => match self.origin(&callback) {
                Some(origin) => return Some((origin, callback)),
                None => "--allow does not list its origin",
            },
            Err(why) => why,
        };
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.replace(char::is_control, "\u{fffd}");
        if self.foreign.len() < HOOK_FOREIGN_MAX && self.foreign.insert(shown.as_str().into()) {
            warn!("hooks will never notify {shown}: {why}");
        }
        None
    }

    /// Which of the origins that are listed a target is of.
    fn origin(&self, callback: &Callback) -> Option<usize> {
        self.allow.iter().position(|origin| callback.is_of(origin))
    }

    /// Looks for the next notification of a target that is behind.
    fn seek(&mut self, url: &str, now: Moment) -> Progress {
        let target = self.target(url).expect("it is behind");
        let mut place = target.place;
        // Not beyond what was read for new targets of its origin.
        let held = self.origin(&target.callback).and_then(|of| self.held[of]);
        let limit = distance(place, held.or(self.place));
        if limit == 0 {
            // It is not behind any more.
            self.targets.remove(url);
            self.is_dirty = true;
            // There is room for another one.
            return Progress::More;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = limit.min(buffer.len());
        let mut next = None;
        let mut progress = Progress::More;
        match self.done.read(place, &mut buffer[..length]) {
            Read::Lines(lines) => {
                for line in lines.split_inclusive(|&byte| byte == b'\n') {
                    let after = place.plus(line);
                    match self.read_line(line) {
                        Some((of, ended)) if *of == *url => {
                            next = Some((ended, after));
                            break;
                        }
                        _ => place = after,
                    }
                }
            }
            Read::Passed(next) => place = next,
            Read::End => progress = Progress::End,
            Read::Wait => progress = Progress::Wait,
        }
        self.buffer = buffer;
        let target = self.targets.get_mut(url).expect("it is behind");
        self.is_dirty |= target.place != place;
        target.place = place;
        if let Some((ended, after)) = next {
            target.found(ended, after, now);
            return Progress::End;
        }
        progress
    }

    /// Targets that may get a notification now; those that have waited longest come first.
    #[must_use]
    pub fn due(&self, now: Moment) -> Vec<Box<str>> {
        let due = self.targets.iter().filter(|(_, target)| target.is_due(now));
        let mut due: Vec<(Moment, &Box<str>)> =
            due.map(|(url, target)| (target.due, url)).collect();
        sort(&mut due);
        due.into_iter().map(|(_, url)| url.clone()).collect()
    }

    /// When the pause of a target ends.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Moment {
        let waiting = self.targets.values().filter(|target| target.next.is_some());
        let due = waiting.map(|target| target.due);
        // One that is due already waits for a connection.
        due.filter(|due| *due > now).min().unwrap_or(Moment::NEVER)
    }

    /// A target that is behind.
    #[must_use]
    pub fn target(&self, url: &str) -> Option<&Target> {
        self.targets.get(url)
    }

    /// The next notification of a target. `None`: there is none; or the files of its job are gone, so the client may know of
    /// the end otherwise, or it is too old.
    pub fn notification(&mut self, url: &str) -> Option<Ended> {
        let target = self.targets.get_mut(url)?;
        let (ended, after) = target.next.clone()?;
        if self.directory.record(ended.id).is_some() {
            return Some(ended);
        }
        error!(
            "job {}: hooks could not notify {} before the server removed the files of the job",
            ended.id, target.callback
        );
        target.pass_to(after);
        self.is_dirty = true;
        None
    }

    /// An attempt begins.
    pub fn begin(&mut self, url: &str) {
        if let Some(target) = self.targets.get_mut(url) {
            target.is_busy = true;
        }
    }

    /// An attempt is over.
    pub fn judge(&mut self, url: &str, verdict: Verdict, pauses: &Pauses, now: Moment) {
        let Some(target) = self.targets.get_mut(url) else {
            return;
        };
        target.is_busy = false;
        let Some((ended, after)) = target.next.clone() else {
            return;
        };
        let (id, to) = (ended.id, &target.callback);
        self.is_dirty = true;
        match verdict {
            Verdict::Taken => {
                info!("job {id}: notified {to}");
                target.pass_to(after);
            }
            Verdict::Failed(why, retry_after) => {
                let line = format!("job {id}: {to}: {why}");
                let pause = target.failed(pauses, retry_after, now);
                warn!("{line}; trying again in {pause:?}");
            }
            Verdict::Gone => {
                warn!("{to} wants no further notifications (410)");
                self.targets.remove(url);
                if self.gone.len() >= HOOK_GONE_MAX {
                    self.gone.pop_front();
                }
                self.gone.push_back(url.into());
            }
        }
    }
}

/// How many bytes are between a place and one that limits it; what is in an earlier file is limited by its end.
fn distance(place: Place, limit: Option<Place>) -> usize {
    let limit = limit.filter(|limit| limit.file == place.file);
    let bytes = limit.map(|limit| limit.offset.saturating_sub(place.offset));
    bytes.map_or(usize::MAX, |bytes| {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    })
}
