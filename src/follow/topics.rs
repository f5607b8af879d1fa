//! The followed names of one worker: keeping subscribers in step with their files. It knows connections only by the keys of
//! their slots.

use std::rc::Rc;

use super::absences::{Absences, Purpose};
use super::fanout::{Fanouts, NextSubscriber};
use super::pending_hints::PendingHints;
use super::polls::{PollTerms, Polls};
use super::rechecks::Rechecks;
use super::registry::Registry;
use super::rolls::Rolls;
use super::topic::Recheck;
use super::watcher::{Change, TopicId, Watch};
use super::watches::Watches;
use crate::hint::HintKind;
use crate::http::date::Date;
use crate::http::target::Path;
use crate::limits::FOLLOW_TRIES;
use crate::store::file::OpenFile;
use crate::store::generations::families::Families;
use crate::store::lookup::{Lookups, Other};
use crate::subscription::end::End;
use crate::time::Moment;

/// What one worker follows: it keeps subscribers in step with their files, whatever happens to these or their names.
pub struct Topics {
    pub(super) registry: Registry,
    pub(super) watches: Watches,
    /// Whom to drive next.
    fanouts: Fanouts,
    /// What to check next.
    pub(super) rechecks: Rechecks,
    /// Names that lead nowhere, for which somebody waits.
    pub(super) absences: Absences,
    /// When to look at what inotify does not report.
    pub(super) polls: Polls,
    /// What other servers should check.
    pub(super) pending_hints: PendingHints,
    /// The moment of this turn.
    pub(super) now: Moment,
    /// What becomes of the logs that are followed, when they are rolled.
    pub(super) rolls: Rolls,
    pub(crate) families: Families,
    /// Directories with changes that their followers do not know.
    pub(super) unreported: Vec<TopicId>,
    /// The last version of a [`ChangeLog`](crate::subscription::changelog::ChangeLog).
    pub(super) version: u64,
    pub(crate) lookups: Lookups,
    changes: Vec<Change>,
    /// Times that events were lost.
    overflows: u64,
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new(lookups: Lookups, watch: Watch, families: Families, terms: PollTerms) -> Topics {
        Topics {
            registry: Registry::default(),
            watches: Watches::new(watch),
            fanouts: Fanouts::default(),
            rechecks: Rechecks::default(),
            absences: Absences::default(),
            polls: Polls::new(terms),
            pending_hints: PendingHints::default(),
            now: Moment::default(),
            rolls: Rolls::default(),
            families,
            unreported: Vec::new(),
            version: 0,
            lookups,
            changes: Vec::new(),
            overflows: 0,
        }
    }

    /// Look-ups from now on are new.
    pub fn begin_turn(&mut self, now: Moment, date: Date) {
        self.now = now;
        self.lookups.begin_turn(now, date);
    }

    /// A connection follows a topic from now on.
    pub fn join(&mut self, key: TopicId, slot: usize) {
        self.registry.join(key, slot);
    }

    /// A connection follows it no more; with the last one the topic ends.
    pub fn leave(&mut self, key: TopicId, slot: usize) {
        self.registry.leave(key, slot);
        self.drop_if_unused(key);
    }

    /// Removes a topic that nobody follows.
    pub fn drop_if_unused(&mut self, key: TopicId) {
        if self.registry.is_unused(key) {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: TopicId) {
        let topic = self.registry.remove(key);
        self.pending_hints.leave(&topic);
        self.watches.forget(key, topic);
    }

    /// The name of a topic, for the log.
    #[must_use]
    pub fn name(&self, key: TopicId) -> Path {
        Path {
            name: self.registry[key].name.as_ref().into(),
            slash: false,
        }
    }

    /// The path that its event streams asked for, in one place for all of them: that of the first one.
    pub fn share_subject(&mut self, key: TopicId, path: &Path) -> Rc<Path> {
        let subject = &mut self.registry[key].subject;
        Rc::clone(subject.get_or_insert_with(|| Rc::new(path.clone())))
    }

    /// How many topics there are, and how many of them must be polled.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.registry.len(), self.watches.unwatched())
    }

    /// Whether there are names that lead nowhere and must be polled.
    #[must_use]
    pub fn any_absent(&self) -> bool {
        self.absences.unwatched() > 0
    }

    /// When the first of the topics that must be polled is to be looked at.
    #[must_use]
    pub fn next_poll(&self) -> Moment {
        self.polls.first()
    }

    /// Whether there are topics, logs that were followed not long ago, or names that somebody waits for.
    #[must_use]
    pub fn any(&self) -> bool {
        self.registry.len() > 0 || !self.rolls.is_empty() || !self.absences.is_empty()
    }

    /// A connection waits from now on until this path, which leads nowhere, leads somewhere: then
    /// [`Topics::next_woken`] gives it, once. False: it does not, because the path leads somewhere already.
    pub fn wait(&mut self, path: &Path, slot: usize, purpose: Purpose) -> bool {
        let (watch, files) = (&mut self.watches.watch, self.lookups.files());
        self.absences.wait(path, slot, purpose, watch, files)
    }

    /// A connection waits for nothing any more.
    pub fn stop_waiting(&mut self, slot: usize) {
        self.absences.leave(slot, &mut self.watches.watch);
    }

    /// A connection does not wait for this any more.
    pub fn stop_waiting_for(&mut self, slot: usize, purpose: Purpose) {
        self.absences
            .leave_one(slot, purpose, &mut self.watches.watch);
    }

    /// A connection that has waited for a name that leads somewhere now.
    pub fn next_woken(&mut self) -> Option<(usize, Purpose)> {
        self.absences.next_woken()
    }

    /// Forgets all measurements: the next ones are new.
    pub fn forget_all(&mut self) {
        for (_, topic) in self.registry.iter() {
            topic.file.invalidate();
        }
    }

    /// Whether there are subscribers to be driven or topics to be checked.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.fanouts.is_empty() || !self.rechecks.is_empty() || self.absences.is_busy()
    }

    /// The next subscriber to be driven.
    pub fn next_subscriber(&mut self) -> Option<NextSubscriber> {
        self.fanouts.next(&mut self.registry)
    }

    /// The subscribers of a topic must be driven.
    pub(super) fn fan_out(&mut self, key: TopicId) {
        self.fanouts.add(key, &mut self.registry[key]);
    }

    /// Watches the file of a topic and the way to it as it is now.
    pub(super) fn place(&mut self, key: TopicId) {
        let files = self.lookups.files();
        let terms = self.polls.terms();
        let topic = &mut self.registry[key];
        self.watches.place(key, topic, files, terms);
        // What was measured before may have changed without an event.
        topic.file.invalidate();
        if topic.poll.is_none() {
            // Somebody begins to follow it: it will probably grow soon.
            topic.grew = Some(self.now);
        }
        self.plan_poll(key);
    }

    pub(super) fn look_later(&mut self, key: TopicId, recheck: Recheck) {
        if let Some(topic) = self.registry.live(key) {
            self.rechecks.add(key, topic, recheck);
        }
    }

    /// What was looked up in this turn is no longer new.
    pub fn end_turn(&mut self) {
        self.lookups.end_turn();
    }

    /// The topic for a file, or directory, that was just found under a name. Its watches are placed first and the name is
    /// looked up again after that: so whatever happens to the name from now on makes an event, or has been seen.
    pub(crate) fn follow(
        &mut self,
        name: &Rc<[u8]>,
        mut file: Rc<OpenFile>,
    ) -> Result<(TopicId, Rc<OpenFile>), Other> {
        for _ in 0..FOLLOW_TRIES {
            if let Some(key) = self.registry.named(name) {
                if self.registry[key].file.is_same(&file) {
                    if !self.registry[key].file.is_unsealed() {
                        return Ok((key, Rc::clone(&self.registry[key].file)));
                    }
                    // Its tails end where it was sealed; those that come now do not.
                    self.registry.unmap(key);
                    file = self.lookups.find_again(name, file.is_directory())?;
                    continue;
                }
                // Why it no longer is that file may stand in the queue.
                self.read_changes();
                let why = match self.registry[key].look.take() {
                    Some(Recheck::Name(why)) => why,
                    _ => None,
                };
                self.look_at_name(key, why);
                if self.registry.named(name) == Some(key) {
                    let held = &self.registry[key].file;
                    if !held.is_copied(&file) {
                        return Ok((key, Rc::clone(held)));
                    }
                    // Who follows it goes on; who comes now has the new tag, as from any other worker.
                    self.registry.unmap(key);
                }
            }
            let key = self.registry.insert(name, &file, None);
            self.place(key);
            match self.lookups.files().names(name, &file) {
                Ok(true) => {
                    if !file.is_directory() {
                        self.observe(key);
                    }
                    return Ok((key, file));
                }
                Ok(false) | Err(_) => self.remove(key),
            }
            file = self.lookups.find_again(name, file.is_directory())?;
        }
        // The name passes from file to file faster than a look-up takes: follow this file to its end, which has come already.
        let key = self.registry.insert(name, &file, None);
        self.look_later(key, Recheck::Name(Some(End::Replaced)));
        Ok((key, file))
    }

    /// Reads the inotify queue and notes what must be done.
    pub fn read_changes(&mut self) {
        self.take_changes();
        if self.rolls.has_news() {
            self.settle_rolls();
        }
    }

    /// Reads once from the queue. False: it was empty.
    pub(super) fn take_changes(&mut self) -> bool {
        let mut changes = std::mem::take(&mut self.changes);
        let more = self.watches.watch.read(&mut changes);
        for change in changes.drain(..) {
            match change {
                Change::Content(key, name) => self.note_entry(key, name),
                Change::Directories(key) => self.note_directories(key),
                Change::Grew(key) if self.is_directory(key) => self.note_links(key),
                Change::Grew(key) => {
                    self.note_for_peers(key, HintKind::Changed);
                    if let Some(topic) = self.registry.get(key) {
                        topic.file.written();
                        self.fan_out(key);
                    }
                }
                Change::LookAgain(key, why) => {
                    self.note_for_peers(key, HintKind::Rolled);
                    self.look_later(key, Recheck::Name(why));
                }
                Change::MayHaveCome(absence) => self.absences.may_have_come(absence),
                Change::Entry(entry, what) => self.rolls.happened(entry, what),
                Change::DirectoryGone(watch) => self.rolls.drop_directory(watch),
                Change::Everything => {
                    self.overflows += 1;
                    self.rolls.lose_track();
                    self.look_at_all(|_| Some(Recheck::Name(None)));
                    self.absences.look_at_all(false);
                }
            }
        }
        self.changes = changes;
        more
    }

    /// How many times events were lost.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    fn is_directory(&self, key: TopicId) -> bool {
        let topic = self.registry.get(key);
        topic.is_some_and(|topic| topic.directory.is_some())
    }

    /// The file may have changed: its subscribers must be driven, after a new look at it.
    pub(super) fn fan_out_again(&mut self, key: TopicId) {
        match self.registry.get(key) {
            Some(topic) if topic.directory.is_some() => self.note_change(key),
            Some(topic) => {
                topic.file.invalidate();
                self.fan_out(key);
            }
            None => {}
        }
    }
}
