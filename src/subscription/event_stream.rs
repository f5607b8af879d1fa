//! An event stream: an endless response that follows names, and not one file. Like the machine that it is a part of, it says
//! what it needs next and takes the result; `http::sse` makes events of the lines.
//!
//! Besides its places it needs at most one buffer of events on their way, which its owner holds.

mod earlier;

use std::rc::Rc;

use super::beginning::Subject;
use super::caught_up::CaughtUp;
use super::changelog::{Cursor, Version};
use super::directory::{Directory, Listed, Purpose};
use super::end::End;
use super::file_set;
use super::followed::Followed;
use super::follows::Follows;
use super::name_follower::NameFollower;
use super::names::Names;
use super::resting::Resting;
use super::selection::FileSelection;
use crate::action::Action;
use crate::http::chunked;
use crate::http::pattern::Pattern;
use crate::http::position::Place;
use crate::http::sse::{self, Source};
use crate::http::target::Path;
use crate::limits::EVENT_HEARTBEAT;
use crate::time::Moment;

/// A stream of events.
#[derive(Debug)]
pub struct EventStream<F> {
    /// The path of the request. Streams of one file share it: see [`EventStream::share_path`].
    path: Rc<Path>,
    follows: Follows<F>,
    /// The server shuts down.
    ending: bool,
    /// The end of the message is on its way.
    finished: bool,
    chunked: bool,
    /// Bytes of all events that were made, including those on their way.
    made: u64,
    /// Bytes of the events that are on their way.
    on_its_way: u32,
}

impl<F> EventStream<F> {
    /// A stream of what `path` names. `file`: the file to which it leads, if it leads to one; `begun`: the bytes of the events
    /// with which the response begins.
    pub fn new(
        path: Path,
        subject: Subject,
        file: Option<F>,
        chunked: bool,
        begun: u32,
    ) -> EventStream<F> {
        let (members, directory) = match subject {
            Subject::File(Place { at, late, .. }) => {
                let member = match file {
                    Some(file) => NameFollower::found(path.clone(), file, at),
                    None => NameFollower::sought(path.clone(), "".into(), Some(at), None),
                };
                (vec![member.with_late(&late)], None)
            }
            Subject::Earlier(Place { at, late, .. }) => {
                let member = NameFollower::sought(path.clone(), "".into(), Some(at), None);
                (vec![member.with_late(&late)], None)
            }
            Subject::Entries => {
                let purpose = Purpose::Entries(Cursor::default());
                (Vec::new(), Some(Directory::new(path.clone(), purpose)))
            }
            Subject::Files {
                patterns,
                start,
                positions,
            } => file_set::follow(&path, patterns, start, positions),
        };
        let names = Names {
            members,
            directory: directory.map(Box::new),
            first: 0,
        };
        EventStream {
            path: Rc::new(path),
            follows: Follows::Names(Box::new(names)),
            ending: false,
            finished: false,
            chunked,
            made: u64::from(begun),
            on_its_way: begun,
        }
    }

    /// All that it follows, to change it.
    fn names_mut(&mut self) -> &mut Names<F> {
        self.follows.names_mut(&self.path)
    }

    /// Changes to its small form, if it rests.
    pub fn settle(&mut self) {
        if !self.ending {
            self.follows.settle();
        }
    }

    /// What to do when nothing is on its way; `None`: nothing.
    #[must_use]
    pub fn action(&self) -> Option<Action<'_, F>> {
        let Follows::Names(names) = &self.follows else {
            return None;
        };
        let directory = names.directory.as_ref();
        match directory.filter(|directory| directory.must_look() && !self.ending) {
            Some(directory) => Some(Action::List {
                path: &directory.path,
                again: directory.again,
                files: directory.selection().map(|selection| &*selection.patterns),
            }),
            None => {
                let current = names.current(self.ending)?;
                names.members[current].action(current)
            }
        }
    }

    fn current_mut(&mut self) -> &mut NameFollower<F> {
        let ending = self.ending;
        let names = self.names_mut();
        let current = names.current(ending).expect("a member needs this report");
        &mut names.members[current]
    }

    /// All files that it holds open.
    pub fn files(&self) -> impl Iterator<Item = &F> {
        let resting = self.follows.resting().map(Resting::file);
        let members = self.follows.members().iter();
        resting
            .into_iter()
            .chain(members.filter_map(NameFollower::file))
    }

    /// The first of its files, and the offset in it of the first byte that is not in an event.
    pub fn progress(&self) -> Option<(u64, &F)> {
        if let Some(rest) = self.follows.resting() {
            return Some((rest.offset(), rest.file()));
        }
        let mut members = self.follows.members().iter();
        members.find_map(|member| Some((member.at()?.offset, member.file()?)))
    }

    /// Where it rests, if it follows one file and nothing else.
    pub fn caught_up(&self) -> Option<(&F, CaughtUp)> {
        if let Some(rest) = self.follows.resting() {
            return Some((rest.file(), rest.caught_up()));
        }
        match self.follows.members() {
            [only] if self.follows.directory().is_none() && !self.ending => only.caught_up(),
            _ => None,
        }
    }

    /// The next events were made by [`CaughtUp::grow`], and are on their way. `to`: where the stream rests then; `events`: their
    /// bytes.
    pub fn grown(&mut self, to: CaughtUp, events: u32) {
        let moved = match &mut self.follows {
            Follows::Rest(rest) => rest.catch_up(to),
            Follows::Names(_) => false,
        };
        if !moved {
            let names = self.names_mut();
            names.members[0].catch_up(to);
            names.first = 1;
        }
        self.made += u64::from(events);
        self.on_its_way = events;
    }

    /// Whether its events are sent in chunks.
    #[must_use]
    pub fn chunked(&self) -> bool {
        self.chunked
    }

    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Shares this path in memory with other streams, if it is the same as its own.
    pub fn share_path(&mut self, path: Rc<Path>) {
        if *path == *self.path {
            self.path = path;
        }
    }

    /// Something may have changed: checks everything that it follows before it rests again.
    pub fn look(&mut self) {
        let names = self.names_mut();
        names.members.iter_mut().for_each(NameFollower::look);
        if let Some(directory) = &mut names.directory {
            directory.look();
        }
    }

    /// Something has changed in its directory. `version`: that of the matches, if the stream follows files by patterns. True if
    /// the stream must check the directory.
    pub fn directory_changed(&mut self, version: Option<Version>) -> bool {
        let Some(directory) = self.follows.directory_mut() else {
            return false;
        };
        let known = directory.selection().map(FileSelection::version);
        let news = known.is_none() || version.is_none() || known != version;
        if news {
            directory.look();
        }
        news
    }

    /// The patterns of the files that it follows, if it follows any by patterns.
    pub fn patterns(&self) -> Option<&[Pattern]> {
        let selection = self.follows.directory()?.selection()?;
        Some(&selection.patterns)
    }

    /// Bytes that it holds of lists which grow with the directory: its share of those that streams have in common.
    pub fn held(&self) -> usize {
        let directory = self.follows.directory();
        let selection = directory.and_then(Directory::selection);
        selection.map_or(0, FileSelection::held)
    }

    /// The name of a member no longer leads to its file; the first reason for that stays.
    pub fn name_lost(&mut self, member: usize, why: End) {
        if let Some(member) = self.names_mut().members.get_mut(member) {
            member.lost(why);
        }
    }

    /// What it follows is missing, and inotify will report when it is there: the stream need not poll for it. `member`: a name;
    /// `None`: its directory.
    pub fn is_watched(&mut self, member: Option<usize>) {
        match member {
            Some(member) => self.names_mut().members[member].is_watched(),
            None => self
                .follows
                .directory_mut()
                .map_or((), Directory::is_watched),
        }
    }

    /// What was missing may be there by now.
    pub fn may_be_there(&mut self, member: Option<usize>) {
        match member {
            Some(member) => {
                let member = self.follows.members_mut().get_mut(member);
                member.into_iter().for_each(NameFollower::may_be_there);
            }
            None => self
                .follows
                .directory_mut()
                .map_or((), Directory::may_be_there),
        }
    }

    /// The server shuts down: the stream sends what its files have, and ends.
    pub fn end(&mut self) {
        self.ending = true;
        let names = self.names_mut();
        names.members.iter_mut().for_each(NameFollower::look);
    }

    /// Whether the server shuts down.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Takes a measurement of the file.
    pub fn measured(&mut self, size: u64, sealed: bool) {
        self.current_mut().measured(size, sealed);
    }

    /// The file was found to be shorter than before.
    pub fn truncated(&mut self) {
        self.current_mut().truncated();
    }

    /// Takes the bytes that were needed; returns what must be sent, which may be nothing.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let first = self.names_mut().first;
        let out = self.write(|member, source, out| member.read(source, bytes, out));
        // A member that has only read what the client has already keeps its turn.
        if out.is_empty() {
            self.names_mut().first = first;
        }
        out
    }

    /// Takes what the name leads to now; returns what must be sent, which may be nothing.
    pub fn followed(&mut self, found: Followed<F>, now: Moment) -> Vec<u8> {
        let ending = self.ending;
        let names = self.names_mut();
        let current = names.current(ending).expect("a member needs this report");
        let member = &mut names.members[current];
        let passed = if member.passes_on() {
            member.hand_over()
        } else {
            None
        };
        let (found, place) = names.begin(current, found, passed);
        let out = self.write(|member, source, out| member.followed(source, found, place, now, out));
        let names = self.names_mut();
        if names.directory.is_some() {
            file_set::drop_late(&mut names.members, current);
        }
        // Another file may take its place.
        if names.members[current].is_known_to_be_gone()
            && let Some(directory) = &mut names.directory
        {
            directory.look();
        }
        if let Some(passed) = passed {
            let members = names.members.iter_mut();
            members.for_each(|member| member.retry(passed.etag));
        }
        out
    }

    /// A thread looks up what the name leads to, until [`EventStream::resource_is_ready`].
    pub fn wait_to_follow(&mut self) {
        self.current_mut().wait_to_follow();
    }

    /// A thread has looked up what a name leads to.
    pub fn resource_is_ready(&mut self) {
        let members = self.follows.members_mut().iter_mut();
        members.for_each(NameFollower::resource_is_ready);
    }

    /// Lets the current member write events. The others have their turns before it has another.
    fn write(
        &mut self,
        events: impl FnOnce(&mut NameFollower<F>, Source<'_>, &mut Vec<u8>),
    ) -> Vec<u8> {
        let ending = self.ending;
        let names = self.names_mut();
        let current = names.current(ending).expect("a member needs this report");
        let (before, behind) = names.other_places(current);
        let member = &mut names.members[current];
        let name = Box::<str>::from(member.name());
        let source = Source {
            name: &name,
            before: &before,
            behind: &behind,
        };
        let mut out = Vec::new();
        events(member, source, &mut out);
        names.first = current + 1;
        self.made(out)
    }

    /// Takes what is in the directory now; returns what must be sent, which may be nothing.
    pub fn listed(&mut self, found: &Listed<'_>, now: Moment) -> Vec<u8> {
        let mut out = Vec::new();
        let names = self.names_mut();
        if let Some(directory) = &mut names.directory {
            directory.seen(found, now, &mut out);
            if let (Purpose::Files(selection), Listed::Files(matches)) =
                (&mut directory.purpose, found)
            {
                file_set::assign(
                    &mut names.members,
                    &directory.path,
                    selection,
                    matches,
                    &mut out,
                );
            }
        }
        self.made(out)
    }

    /// When [`EventStream::timer_fired`] is due, if nothing was sent since then.
    #[must_use]
    pub fn deadline(&self, since: Moment) -> Moment {
        let members = self.follows.members().iter().map(NameFollower::deadline);
        let looks = members.chain(self.follows.directory().map(Directory::deadline));
        looks.fold(since + EVENT_HEARTBEAT, Moment::min)
    }

    /// Takes note of the time; returns what must be sent, which may be nothing.
    pub fn timer_fired(&mut self, since: Moment, now: Moment) -> Vec<u8> {
        for member in self.follows.members_mut() {
            member.timer_fired(now);
        }
        if let Some(directory) = self.follows.directory_mut() {
            directory.timer_fired(now);
        }
        let silent = since + EVENT_HEARTBEAT <= now;
        self.made(if silent {
            sse::HEARTBEAT.to_vec()
        } else {
            Vec::new()
        })
    }

    /// The end of the message; nothing but the end of the connection for an HTTP/1.0 client.
    pub fn finish(&mut self) -> &'static [u8] {
        self.finished = true;
        if self.chunked { chunked::LAST } else { b"" }
    }

    /// What was to be sent is out. True if it was the end of the message.
    pub fn sent(&mut self) -> bool {
        self.on_its_way = 0;
        self.finished
    }

    /// Bytes of events that the socket has taken. `left`: bytes that are still to be sent, framing included.
    #[must_use]
    pub fn delivered(&self, left: u64) -> u64 {
        let line_end = if self.chunked { 2 } else { 0 };
        self.made
            - left
                .saturating_sub(line_end)
                .min(u64::from(self.on_its_way))
    }

    /// The bytes to send for these events: in a chunk, if the response is chunked.
    fn made(&mut self, events: Vec<u8>) -> Vec<u8> {
        self.made += events.len() as u64;
        self.on_its_way = u32::try_from(events.len()).expect("a bounded buffer");
        if self.chunked && !events.is_empty() {
            chunked::enclose(&events)
        } else {
            events
        }
    }
}
