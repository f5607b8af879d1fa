//! Looks at followed files and their names: because something has happened, because nothing tells of it, or now and then.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::topic::{Recheck, Topic};
use super::topics::Topics;
use super::watcher::TopicId;
use crate::limits::{POLL_TIME, SWEEP_SLICE};
use crate::store::remote::{COUNTS, count, loss};
use crate::store::root::Files;
use crate::subscription::end::End;

impl Topics {
    /// Checks some of the topics that must be checked, and some of the names that led nowhere.
    pub fn look_at_some(&mut self) {
        let begun = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..SWEEP_SLICE {
            let Some((key, recheck)) = self.rechecks.next(&mut self.registry) else {
                break;
            };
            let polled = !self.registry[key].watched;
            match recheck {
                Recheck::Name(why) => self.look_at_name(key, why),
                Recheck::Sweep => self.sweep_one(key),
            }
            self.plan_poll(key);
            if polled {
                let spent = begun.elapsed();
                self.polls.cost(spent - last);
                last = spent;
                if spent > POLL_TIME {
                    return;
                }
            }
        }
        let (watch, files) = (&mut self.watches.watch, self.lookups.files());
        for _ in 0..SWEEP_SLICE {
            if !self.absences.look_at_one(watch, files) {
                return;
            }
        }
    }

    /// Names that lead nowhere and must be polled are to be checked.
    pub fn poll_absent(&mut self) {
        self.absences.look_at_all(true);
    }

    /// What must be polled and whose time has come is to be checked.
    pub fn poll(&mut self) {
        while let Some((key, at)) = self.polls.take(self.now) {
            let topic = self.registry.live(key);
            if let Some(topic) = topic.filter(|topic| topic.poll == Some(at)) {
                topic.poll = None;
                self.look_later(key, Recheck::Sweep);
            }
        }
    }

    /// Somebody says that something has happened to a topic; if it is polled, it is looked at now, and soon again.
    pub(super) fn look_soon(&mut self, key: TopicId) {
        let now = self.now;
        if let Some(topic) = self.registry.live(key).filter(|topic| !topic.watched) {
            topic.grew = Some(now);
            self.look_later(key, Recheck::Sweep);
        }
    }

    /// Plans the next look at a topic, if it must be polled.
    pub(super) fn plan_poll(&mut self, key: TopicId) {
        let count = self.watches.unwatched();
        match self.registry.live(key) {
            Some(topic) if topic.watched => topic.poll = None,
            Some(topic) => self.polls.plan(key, topic, count, self.now),
            None => {}
        }
    }

    /// Every topic must be checked.
    pub fn sweep(&mut self) {
        let is_followed = |name: &Rc<[u8]>| self.registry.named(name).is_some();
        for entry in self.rolls.sweep(is_followed) {
            self.watches.watch.remove_log(&entry);
        }
        self.look_at_all(|topic| match topic.watched {
            true => Some(Recheck::Sweep),
            // Perhaps it can be watched by now.
            false => Some(Recheck::Name(None)),
        });
        self.absences.look_at_all(false);
    }

    pub(super) fn look_at_all(&mut self, how: impl Fn(&Topic) -> Option<Recheck>) {
        let wanted: Vec<_> = self
            .registry
            .iter()
            .filter_map(|(key, topic)| Some((key, how(topic)?)))
            .collect();
        for (key, look) in wanted {
            self.look_later(key, look);
        }
    }

    /// Watches the way to a topic again, then sees whether its name still leads to its file.
    pub(super) fn look_at_name(&mut self, key: TopicId, why: Option<End>) {
        self.place(key);
        self.check_name(key, why);
        self.fan_out_again(key);
        // If it is sealed, this is its end, also for followers that have not come so far.
        if let Some(topic) = self.registry.get(key) {
            let _ = topic.file.stat();
        }
    }

    /// Looks at the file of a topic, unless somebody has looked since it changed.
    pub fn look_at_file(&self, key: TopicId) {
        if let Some(topic) = self.registry.get(key)
            && topic.directory.is_none()
        {
            // A failure is for its followers to see.
            let _ = topic.file.cached_stat();
        }
    }

    fn sweep_one(&mut self, key: TopicId) {
        // The name first: a file system that has just been asked for the file may answer for the name from its memory.
        self.check_name(key, None);
        let topic = &self.registry[key];
        let found = topic.file.stat().ok();
        // What has grown in a directory does not show.
        let unchanged = found.is_some() && found == topic.swept && topic.directory.is_none();
        self.registry[key].swept = found;
        if !unchanged || self.registry[key].gone.is_some() {
            self.registry[key].grew = Some(self.now);
            self.note_change(key);
            self.fan_out(key);
        }
    }

    pub(super) fn check_name(&mut self, key: TopicId, why: Option<End>) {
        let topic = &self.registry[key];
        let files = self.lookups.files();
        let named = files.names(&topic.name, &topic.file);
        let begins_like = |named| match named {
            true => files.begins_like(&topic.name, &topic.file),
            false => Ok(None),
        };
        let derived = match named.and_then(begins_like) {
            Ok(Some(true)) => return self.keep(key),
            // Another file under the same number: what this one still had is gone.
            Ok(Some(false)) => return self.end(key, End::Broken),
            Ok(None) if topic.file.lost_a_name() || is_at_home(topic, files) => End::Replaced,
            Ok(None) => End::Renamed,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG) => {
                if topic.file.lost_a_name() || is_at_home(topic, files) {
                    End::Unlinked
                } else {
                    End::Renamed
                }
            }
            Err(error @ (Errno::ACCESS | Errno::IO | Errno::STALE)) => {
                return self.end(key, loss(error));
            }
            // Nothing is known (no descriptor, no memory): look again soon.
            Err(_) => {
                self.watches.set_watched(&mut self.registry[key], false);
                return self.plan_poll(key);
            }
        };
        if !self.rehome(key) {
            // A generation goes on across renames, so what happened to one of its names says nothing of its end.
            let why = why.filter(|_| self.registry[key].family.is_none());
            self.lose(key, why.unwrap_or(derived));
        }
    }

    /// The name of a topic leads to its file.
    fn keep(&mut self, key: TopicId) {
        if self.registry[key].leaving.is_some() && self.registry.map_again(key) {
            self.registry[key].leaving = None;
        }
    }

    /// The name of a topic leads elsewhere. Other machines may see that before the last bytes that were written: a file that
    /// they change ends only when none have come for a while.
    fn lose(&mut self, key: TopicId, why: End) {
        let settle = self.polls.settle();
        let topic = &mut self.registry[key];
        if !topic.file.is_remote() || topic.file.is_directory() || settle.is_zero() {
            return self.end(key, why);
        }
        if topic.leaving.is_none() {
            count(&COUNTS.late_ends);
        }
        let (why, since) = *topic.leaving.get_or_insert((why, self.now));
        if self.now < since + settle {
            self.registry.unmap(key);
        } else {
            self.end(key, why);
        }
    }

    fn end(&mut self, key: TopicId, why: End) {
        self.registry.unmap(key);
        let topic = &mut self.registry[key];
        topic.gone = Some(why);
        self.watches.give_back(key, topic);
    }
}

/// Whether the file of a topic is still where a link led to it, so that something happened to the link.
fn is_at_home(topic: &Topic, files: &Files) -> bool {
    let home = topic.home.as_deref();
    home.is_some_and(|home| files.names(home, &topic.file).unwrap_or(false))
}
