//! The machine while it sends events: what an event stream needs, as an action, and what came of it, as a state.
//!
//! | state | what happens | action | next |
//! |---|---|---|---|
//! | SendingRange, events | sent, events or head complete | List, Examine, Read or Follow | SendingRange |
//! | | sent, and nothing is needed | - | Tailing |
//! | | name_lost | Examine, Read what is left, then Follow | SendingRange |
//! | | changed | List, or Examine each file | SendingRange |
//! | | drain | Examine, Read what is left of each file, then the last chunk | SendingRange |
//! | Tailing, events | changed, name_lost, drain | as in SendingRange | Tailing |
//! | | drain, no file | last chunk; HTTP/1.0: nothing | SendingRange; Closing(Shut) |
//! | | timer_fired, the next look is due | Follow or List | Tailing |
//! | | is_watched, may_be_there | no looks by time between them; then Follow or List | Tailing |
//! | | timer_fired, after silence | heartbeat | SendingRange |
//! | | events_delivered (by what another stream was sent) | move on | Tailing |
//! | | events_begun (of the same) | move on | SendingRange |
//! | both | measured, more than was read | Read | the same |
//! | | measured, same | Examine of the next file | the same; Tailing |
//! | | measured, less than was made events; shrank | Follow | the same |
//! | | read_file, complete lines | events; then it is the turn of the others | SendingRange |
//! | | read_file, no complete line | - | Tailing |
//! | | followed, another file, or the same truncated | event, then Examine | SendingRange |
//! | | followed, the same file | Examine | the same |
//! | | followed, no file | event, if it is so for long | Tailing; SendingRange |
//! | | followed, by a pattern, not what is listed | List, again | the same |
//! | | listed, of entries | events; List until that is all | SendingRange |
//! | | listed, files that fit | Follow of those that are new, or have another name | the same |
//! | | listed, no directory | event, if of entries, once | SendingRange; Tailing |
//! | | all is out, ending | last chunk; HTTP/1.0: nothing | SendingRange; Closing(Shut) |
//! | | fell_short, stalled, received, peer_gone, cut | as a tail | |
//!
//! A file is looked at by the first of its names that needs it, in turn: see [`EventStream::action`].

use std::rc::Rc;

use super::sending::Subscription;
use super::state::{Connection, State};
use crate::http::conditional::ETag;
use crate::http::pattern::Pattern;
use crate::http::target::Path;
use crate::resource::{FileInfo, Resource};
use crate::subscription::caught_up::CaughtUp;
use crate::subscription::changelog::Version;
use crate::subscription::directory::Listed;
use crate::subscription::event_stream::EventStream;
use crate::subscription::followed::Followed;
use crate::time::Moment;

/// What can happen to it besides what happens to every answer.
impl<F> Connection<F> {
    /// The bytes that were wanted, all of them.
    pub fn read_file(&mut self, bytes: &[u8], now: Moment) {
        let ready = self.events("read").read(bytes);
        self.send_events(ready, now);
    }

    /// The next events of a stream that is [`EventStream::caught_up`] were made for another one too: `events` bytes, which
    /// lead `to` there. All of them went out, and it rests again: what `measured`, `read_file` and `sent` come to, in one step.
    pub fn events_delivered(&mut self, to: CaughtUp, events: u32, now: Moment) {
        let stream = self.resting_events_mut();
        stream.grown(to, events);
        stream.sent();
        self.since = now;
    }

    /// The same, but some of them, in their chunk if there is one, will be [`Connection::sent`].
    pub fn events_begun(&mut self, to: CaughtUp, events: u32, framed: &[u8]) {
        self.resting_events_mut().grown(to, events);
        self.send(framed.into());
    }

    fn resting_events_mut(&mut self) -> &mut EventStream<F> {
        match &mut self.state {
            State::Tailing(Subscription::Events(events)) => events,
            _ => unreachable!("events for all, but no stream rested"),
        }
    }

    /// A name that is followed has been looked up again.
    pub fn followed(&mut self, found: Resource<F>, now: Moment) {
        let found = match found {
            Resource::File { file, info } => Followed::File {
                file,
                info,
                named: true,
                gap: false,
            },
            Resource::Busy | Resource::Overloaded => Followed::Unknown,
            _ => Followed::Nothing,
        };
        let ready = self.events("followed").followed(found, now);
        self.send_events(ready, now);
    }

    /// The file that comes next in an event stream was found: under the name that is followed, or (`named` is false) under
    /// that of an earlier generation. `gap`: something before it is missing.
    pub fn went_on(&mut self, file: F, info: FileInfo, named: bool, gap: bool, now: Moment) {
        let found = Followed::File {
            file,
            info,
            named,
            gap,
        };
        let ready = self.events("went_on").followed(found, now);
        self.send_events(ready, now);
    }

    /// An earlier file of a name to which somebody may still append, and which the client knows, was found; or it is gone.
    pub fn late_found(&mut self, file: Option<(F, FileInfo)>, now: Moment) {
        let found = file.map_or(Followed::Nothing, |(file, info)| Followed::File {
            file,
            info,
            named: false,
            gap: false,
        });
        self.events("late_found").late_found(found, now);
        self.go_on(now);
    }

    /// Earlier files to which somebody may still append, and the names that they had.
    pub fn late_files(&self) -> impl Iterator<Item = (&Path, &F)> {
        let events = self.event_stream();
        events.into_iter().flat_map(EventStream::late_files)
    }

    /// Whether an event stream follows this file by another one of its names than this `member`.
    pub fn follows_elsewhere(&self, member: usize, etag: ETag, path: &[u8]) -> bool {
        let events = self.event_stream();
        events.is_some_and(|events| events.follows_elsewhere(member, etag, path))
    }

    /// These earlier files are none of the family any more: what is in them by now is the last of them.
    pub fn late_over(&mut self, is: impl Fn(&F) -> bool) {
        self.events("late_over").late_over(is);
    }

    /// A thread looks for what comes next, until [`Connection::resource_is_ready`].
    pub fn wait_to_follow(&mut self, now: Moment) {
        self.events("wait_to_follow").wait_to_follow();
        self.go_on(now);
    }

    /// What an event stream looks for is missing, and [`Connection::may_be_there`] says when it is there: until then it need
    /// not be looked for. `member`: a name, by its number; `None`: the directory.
    pub fn is_watched(&mut self, member: Option<usize>) {
        if let Some(events) = self.events_mut() {
            events.is_watched(member);
        }
    }

    /// What was missing may be there by now.
    pub fn may_be_there(&mut self, member: Option<usize>) {
        if let Some(events) = self.events_mut() {
            events.may_be_there(member);
        }
    }

    /// The directory that is followed has been looked at.
    pub fn listed(&mut self, found: &Listed<'_>, now: Moment) {
        let ready = self.events("listed").listed(found, now);
        self.send_events(ready, now);
    }

    /// Other streams that send events of the same keep this path in memory: so does this one.
    pub fn share_subject(&mut self, path: Rc<Path>) {
        self.events("share_subject").share_path(path);
    }

    /// Whether it sends events, and of what.
    pub fn subject(&self) -> Option<&Path> {
        self.event_stream().map(EventStream::path)
    }

    fn event_stream(&self) -> Option<&EventStream<F>> {
        match self.subscription()? {
            Subscription::Events(events) => Some(events),
            Subscription::Tail(_) => None,
        }
    }

    fn subscription(&self) -> Option<&Subscription<F>> {
        match &self.state {
            State::SendingRange(sending) => sending.subscription(),
            State::Tailing(subscription) => Some(subscription),
            _ => None,
        }
    }

    /// The patterns of the files that it follows, if it follows any by patterns.
    pub fn patterns(&self) -> Option<&[Pattern]> {
        match self.subscription()? {
            Subscription::Events(events) => events.patterns(),
            Subscription::Tail(_) => None,
        }
    }

    /// Something has happened in the directory that it follows. `version`: of the files in it that fit, if these are known.
    /// True as in [`Connection::changed`].
    pub fn directory_changed(&mut self, version: Option<Version>) -> bool {
        let news = match self.events_mut() {
            Some(events) => events.directory_changed(version),
            None => false,
        };
        news && matches!(self.state, State::Tailing(_))
    }

    /// The deadline has passed.
    pub fn timer_fired(&mut self, now: Moment) {
        let since = self.since;
        if let State::Tailing(Subscription::Events(events)) = &mut self.state {
            let ready = events.timer_fired(since, now);
            self.send_events(ready, now);
        } else {
            self.timed_out(now);
        }
    }

    fn send_events(&mut self, ready: Vec<u8>, now: Moment) {
        if ready.is_empty() {
            self.go_on(now);
        } else {
            self.send(ready.into());
        }
    }

    /// An event stream of which nothing is on its way rests or ends if that is all it needs.
    // Cold for the sake of tails, which pass by here at every append: inlined, it cost each of them 4 ns of 48.
    #[cold]
    pub(super) fn go_on(&mut self, now: Moment) {
        let sends = matches!(&self.state, State::SendingRange(sending) if sending.left() > 0);
        let Some(events) = self.events_mut().filter(|_| !sends) else {
            return;
        };
        match (events.action(), events.is_ending()) {
            (Some(_), _) => {}
            (None, false) => {
                events.settle();
                self.rest();
            }
            (None, true) => match events.finish() {
                b"" => self.finish(now),
                last_chunk => self.send(last_chunk.into()),
            },
        }
    }

    pub(super) fn events_mut(&mut self) -> Option<&mut EventStream<F>> {
        match self.subscription_mut() {
            Some(Subscription::Events(events)) => Some(events),
            _ => None,
        }
    }

    fn events(&mut self, what: &str) -> &mut EventStream<F> {
        match self.events_mut() {
            Some(events) => events,
            None => unreachable!("{what}, but no event stream"),
        }
    }
}
