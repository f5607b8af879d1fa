//! The followed names of one worker: keeping tails in step with their files, and saying which tail is to be driven
//! next. It joins `lookup` and `watch`; it knows connections only by the keys of their slots.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Once;

use rustix::io::Errno;
use slab::Slab;

use super::watcher::{Change, Place, TopicId, Watch};
use crate::action::SoughtName;
use crate::http::query::Start;
use crate::http::target::Path;
use crate::intent::{Intent, ParsedRequest};
use crate::limits::{FOLLOW_TRIES, SWEEP_SLICE};
use crate::resource::{FileInfo, Resource};
use crate::store::file::{Id, OpenFile};
use crate::store::file_stat::FileStat;
use crate::store::generations::families::Families;
use crate::subscription::end::End;

use super::directories::Directory;
use super::fanout::Fanout;
use super::rolls::Rolls;
use crate::store::lookup::{self, Lookups, Other, failed};

/// The key of a connection's slot, in four bytes: every tail has one in its topic.
pub type SlotId = u32;

/// One followed name and the file that it names. When the name passes to another file, that is another topic.
pub(crate) struct Topic {
    pub(super) name: Rc<[u8]>,
    /// The name whose generation the file is, whatever it is called now. `None`: the topic is that of its name.
    pub(super) family: Option<Rc<[u8]>>,
    pub(crate) file: Rc<OpenFile>,
    /// The slots that follow it, in order: a pass in slot order walks memory forwards.
    pub(crate) tails: Vec<SlotId>,
    pub(super) places: Vec<Place>,
    /// inotify tells of everything that matters here; else the clock must.
    watched: bool,
    /// The name no longer leads to the file.
    pub(crate) gone: Option<End>,
    pub(crate) fanout: Fanout,
    /// It is among those to be looked at.
    look: Option<Recheck>,
    /// What the last sweep found. Not the file's own last look: a request has one too, and tells the tails nothing.
    swept: Option<FileStat>,
    /// What is in it, if it is a directory.
    pub(crate) directory: Option<Box<Directory>>,
}

/// The topics of one worker.
pub struct Topics {
    pub(super) watch: Watch,
    /// What becomes of the logs that are followed, when they are rolled.
    pub(super) rolls: Rolls,
    pub(crate) topics: Slab<Topic>,
    /// Only topics that are not gone.
    pub(crate) by_name: HashMap<Rc<[u8]>, TopicId>,
    /// The topics of generations: the name of the family, and the file. Only topics that are not gone.
    pub(crate) by_generation: HashMap<(Rc<[u8]>, Id), TopicId>,
    pub(crate) families: Families,
    /// Topics with a pass under way.
    pub(crate) fanouts: VecDeque<TopicId>,
    /// Tails of the first of them that were driven in a row.
    pub(crate) in_a_row: usize,
    /// Topics to be looked at.
    looks: VecDeque<TopicId>,
    /// Directories in which something has happened that is not told yet.
    pub(crate) untold: Vec<TopicId>,
    /// The last version of a [`ChangeLog`](crate::subscription::changelog::ChangeLog).
    pub(crate) version: u64,
    pub(crate) lookups: Lookups,
    changes: Vec<Change>,
    /// Topics that are not `watched`.
    unwatched: usize,
    /// Times that events were lost.
    overflows: u64,
}

/// How much of a look is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recheck {
    /// The name may lead elsewhere: watch the way again, and see.
    Name(Option<End>),
    /// Nothing is known to have happened.
    Sweep,
}

/// What a request led to.
pub struct Lookup {
    /// For the answer.
    pub found: Resource<Rc<OpenFile>>,
    /// The topic to join, if the answer turns out to be a tail.
    pub topic: Option<TopicId>,
}

impl Lookup {
    /// What is known of the file, if it led to one.
    #[must_use]
    pub fn info(&self) -> Option<&FileInfo> {
        match &self.found {
            Resource::File { info, .. } | Resource::Generation { info, .. } => Some(info),
            _ => None,
        }
    }

    /// Whether lines were counted for it, which takes long.
    #[must_use]
    pub fn counted(&self) -> bool {
        match &self.found {
            Resource::File { info, .. } | Resource::Generation { info, .. } => info.start.is_some(),
            _ => false,
        }
    }
}

impl From<Resource<Rc<OpenFile>>> for Lookup {
    fn from(found: Resource<Rc<OpenFile>>) -> Lookup {
        Lookup { found, topic: None }
    }
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new(lookups: Lookups, watch: Watch, families: Families) -> Topics {
        Topics {
            lookups,
            families,
            rolls: Rolls::default(),
            by_generation: HashMap::new(),
            watch,
            topics: Slab::new(),
            by_name: HashMap::new(),
            fanouts: VecDeque::new(),
            in_a_row: 0,
            looks: VecDeque::new(),
            untold: Vec::new(),
            version: 0,
            changes: Vec::new(),
            unwatched: 0,
            overflows: 0,
        }
    }

    /// The watches, for the poller.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What was looked up in this turn is no longer new.
    pub fn end_turn(&mut self) {
        self.lookups.end_turn();
    }

    /// Looks up what a request asks for; if it may be answered with a tail, its watches are in place before its size is
    /// measured.
    pub fn look_up(&mut self, asked: &ParsedRequest) -> Lookup {
        let Some(path) = asked.intent.path() else {
            return Resource::Missing.into();
        };
        self.look_up_path(path, lookup::wanted_start(&asked.intent), Some(asked))
    }

    /// Looks up the file that an event stream of this name goes on with.
    pub fn look_up_to_follow(&mut self, sought: SoughtName<'_>) -> Lookup {
        self.look_up_path(sought.path, sought.start, None)
    }

    fn look_up_path(
        &mut self,
        path: &Path,
        start: Option<Start>,
        asked: Option<&ParsedRequest>,
    ) -> Lookup {
        // A topic's file remembers its size, so that a truncation shows.
        let held = |name: &[u8]| self.by_name.get(name).map(|&key| &self.topics[key].file);
        let form = asked.and_then(lookup::form);
        let resolved = match self.lookups.find(path, form, held) {
            Ok(resolved) => resolved,
            Err(other) => return other.into(),
        };
        let (name, file) = (Rc::clone(&resolved.name), Rc::clone(&resolved.file));
        let (file, topic, info) = if asked.is_none_or(ParsedRequest::subscribes) {
            match self.follow(&name, file) {
                Ok((key, file)) => (Rc::clone(&file), Some(key), file.info()),
                Err(other) => return other.into(),
            }
        } else {
            (file, None, resolved.info())
        };
        let started = |mut info: FileInfo| {
            let events = asked.is_none_or(|asked| matches!(asked.intent, Intent::Events(_)));
            info.start = lookup::start(start, events, &file, &info)?;
            if let Some(asked) = asked {
                info.bytes_before = lookup::bytes_before(asked, &file)?;
            }
            Ok(info)
        };
        match info.and_then(started) {
            Ok(info) => Lookup {
                found: Resource::File { file, info },
                topic,
            },
            Err(error) => {
                if let Some(key) = topic {
                    self.drop_if_unused(key);
                }
                failed(error, &name).into()
            }
        }
    }

    /// The topic for a file, or directory, that was just found under a name. Its watches are placed first and the name is
    /// looked up again after that: so whatever happens to the name from now on makes an event, or has been seen.
    pub(crate) fn follow(
        &mut self,
        name: &Rc<[u8]>,
        mut file: Rc<OpenFile>,
    ) -> Result<(TopicId, Rc<OpenFile>), Other> {
        for _ in 0..FOLLOW_TRIES {
            if let Some(&key) = self.by_name.get(name) {
                if self.topics[key].file.id() == file.id() {
                    return Ok((key, Rc::clone(&self.topics[key].file)));
                }
                // Why it no longer is that file may stand in the queue.
                self.read_changes();
                let why = match self.topics[key].look.take() {
                    Some(Recheck::Name(why)) => why,
                    _ => None,
                };
                self.look_at_name(key, why);
                if self.by_name.get(name) == Some(&key) {
                    return Ok((key, Rc::clone(&self.topics[key].file)));
                }
            }
            let key = self.insert(name, &file, None);
            self.place(key);
            match self.lookups.files().identify(name) {
                Ok(id) if id == file.id() => {
                    if !file.is_directory() {
                        self.observe(key);
                    }
                    return Ok((key, file));
                }
                Ok(_) | Err(_) => self.remove(key),
            }
            file = self.lookups.find_again(name, file.is_directory())?;
        }
        // The name changes hands faster than it can be looked up: follow this file to its end, which has come already.
        let key = self.insert(name, &file, None);
        self.look_later(key, Recheck::Name(Some(End::Replaced)));
        Ok((key, file))
    }

    pub(super) fn insert(
        &mut self,
        name: &Rc<[u8]>,
        file: &Rc<OpenFile>,
        family: Option<Rc<[u8]>>,
    ) -> TopicId {
        let key = self.topics.insert(Topic {
            name: Rc::clone(name),
            family: family.clone(),
            file: Rc::clone(file),
            tails: Vec::new(),
            places: Vec::new(),
            watched: true,
            gone: None,
            fanout: Fanout::Idle,
            look: None,
            swept: None,
            directory: file.is_directory().then(Box::default),
        });
        let former = match family {
            Some(family) => self.by_generation.insert((family, file.id()), key),
            None => self.by_name.insert(Rc::clone(name), key),
        };
        if let Some(former) = former {
            debug_assert!(!self.topics.contains(former), "two topics of one name");
        }
        key
    }

    fn remove(&mut self, key: TopicId) {
        self.unmap(key);
        let topic = self.topics.remove(key);
        self.give_back(key, topic.places);
        self.unwatched -= usize::from(!topic.watched);
    }

    /// It is found no more by its name, or as a generation.
    fn unmap(&mut self, key: TopicId) {
        let topic = &self.topics[key];
        match &topic.family {
            Some(family) => {
                let place = (Rc::clone(family), topic.file.id());
                if self.by_generation.get(&place) == Some(&key) {
                    self.by_generation.remove(&place);
                }
            }
            None if self.by_name.get(&topic.name) == Some(&key) => {
                self.by_name.remove(&topic.name);
            }
            None => {}
        }
    }

    fn give_back(&mut self, key: TopicId, places: Vec<Place>) {
        for place in places {
            self.watch.remove(&place, key);
        }
    }

    /// Watches the file and the way to it as it is now.
    pub(super) fn place(&mut self, key: TopicId) {
        let topic = &mut self.topics[key];
        let mut places = Vec::new();
        let mut failure = None;
        let file = rustix::fd::AsFd::as_fd(&*topic.file);
        let added = if topic.directory.is_some() {
            self.watch.add_directory(file, key)
        } else {
            self.watch.add_file(file, key)
        };
        match added {
            Ok(place) => places.push(place),
            Err(error) => failure = Some(error),
        }
        let walked = self.lookups.files().walk(&topic.name, |directory, entry| {
            match self.watch.add_entry(directory, entry, key) {
                Ok(place) => places.push(place),
                Err(error) => failure = Some(error),
            }
        });
        // A way that crosses a directory twice watches one entry twice; it is given back once.
        let mut unique: Vec<Place> = Vec::new();
        for place in places {
            if !unique.contains(&place) {
                unique.push(place);
            }
        }
        let told = topic.file.tells_of_changes();
        if let Some(error) = &failure {
            if error.kind() != ErrorKind::Unsupported {
                warn_unwatched(error);
            }
        } else if !told {
            warn_remote();
        }
        // A way that cannot be walked to its end mostly leads nowhere any more, and then the next look finds that.
        let watched = failure.is_none() && told && walked.is_ok();
        self.unwatched = self.unwatched + usize::from(topic.watched) - usize::from(watched);
        topic.watched = watched;
        let kept: Vec<Place> = std::mem::replace(&mut topic.places, unique);
        let gone = kept
            .into_iter()
            .filter(|place| !self.topics[key].places.contains(place))
            .collect();
        self.give_back(key, gone);
    }

    /// A connection follows a topic from now on.
    pub fn join(&mut self, key: TopicId, slot: usize) {
        let slot = narrow(slot);
        let tails = &mut self.topics[key].tails;
        if let Err(index) = tails.binary_search(&slot) {
            tails.insert(index, slot);
        }
    }

    /// A connection follows it no more; the last one takes the topic with it.
    pub fn leave(&mut self, key: TopicId, slot: usize) {
        let slot = narrow(slot);
        let tails = &mut self.topics[key].tails;
        if let Ok(index) = tails.binary_search(&slot) {
            tails.remove(index);
        }
        self.drop_if_unused(key);
    }

    /// Removes a topic that nobody follows.
    pub fn drop_if_unused(&mut self, key: TopicId) {
        if self
            .topics
            .get(key)
            .is_some_and(|topic| topic.tails.is_empty())
        {
            self.remove(key);
        }
    }

    /// The name of a topic, for the log.
    #[must_use]
    pub fn name(&self, key: TopicId) -> Path {
        Path {
            name: self.topics[key].name.as_ref().into(),
            slash: false,
        }
    }

    /// Reads the inotify queue and notes what is to be done.
    pub fn read_changes(&mut self) {
        self.take_changes();
        if self.rolls.has_news() {
            self.settle_rolls();
        }
    }

    /// Reads once from the queue. False: it was empty.
    pub(super) fn take_changes(&mut self) -> bool {
        let mut changes = std::mem::take(&mut self.changes);
        let more = self.watch.read(&mut changes);
        for change in changes.drain(..) {
            match change {
                Change::Content(key, name) => self.note_entry(key, name),
                Change::Grew(key) => self.fan_out_again(key),
                Change::LookAgain(key, why) => self.look_later(key, Recheck::Name(why)),
                Change::Entry(entry, what) => self.rolls.happened(entry, what),
                Change::DirectoryGone(watch) => self.rolls.drop_directory(watch),
                Change::Everything => {
                    self.overflows += 1;
                    self.rolls.lose_track();
                    self.look_at_all(|_| Some(Recheck::Name(None)));
                }
            }
        }
        self.changes = changes;
        more
    }

    /// Every topic, or only those of which inotify does not tell, is to be looked at.
    pub fn sweep(&mut self, only_unwatched: bool) {
        if !only_unwatched {
            let is_followed = |name: &Rc<[u8]>| self.by_name.contains_key(name);
            for entry in self.rolls.sweep(is_followed) {
                self.watch.remove_log(&entry);
            }
        }
        self.look_at_all(|topic| match (topic.watched, only_unwatched) {
            (true, true) => None,
            (true, false) | (false, true) => Some(Recheck::Sweep),
            // Perhaps it can be watched by now.
            (false, false) => Some(Recheck::Name(None)),
        });
    }

    fn look_at_all(&mut self, how: impl Fn(&Topic) -> Option<Recheck>) {
        let wanted: Vec<_> = self
            .topics
            .iter()
            .filter_map(|(key, topic)| Some((key, how(topic)?)))
            .collect();
        for (key, look) in wanted {
            self.look_later(key, look);
        }
    }

    /// Each topic is at most once among those to be looked at; the first reason stays.
    fn look_later(&mut self, key: TopicId, look: Recheck) {
        let Some(topic) = self
            .topics
            .get_mut(key)
            .filter(|topic| topic.gone.is_none())
        else {
            return;
        };
        match &mut topic.look {
            None => {
                topic.look = Some(look);
                self.looks.push_back(key);
            }
            Some(waiting @ (Recheck::Sweep | Recheck::Name(None))) => {
                if look != Recheck::Sweep {
                    *waiting = look;
                }
            }
            Some(Recheck::Name(Some(_))) => {}
        }
    }

    /// How many topics there are, and how many of them inotify does not tell of.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.topics.len(), self.unwatched)
    }

    /// How many times events were lost.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Whether there are topics of which inotify does not tell.
    #[must_use]
    pub fn any_unwatched(&self) -> bool {
        self.unwatched > 0
    }

    /// Whether there are topics, or logs that were followed not long ago.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.topics.is_empty() || !self.rolls.is_empty()
    }

    /// Forgets all measurements: the next ones are new.
    pub fn forget_all(&mut self) {
        for (_, topic) in &self.topics {
            topic.file.invalidate();
        }
    }

    /// Looks at some of the topics that are to be looked at.
    pub fn look_at_some(&mut self) {
        for _ in 0..SWEEP_SLICE {
            let Some(key) = self.looks.pop_front() else {
                return;
            };
            // None: a topic that has ended since, or another one with its key, which is then looked at twice.
            match self
                .topics
                .get_mut(key)
                .filter(|topic| topic.gone.is_none())
                .and_then(|topic| topic.look.take())
            {
                None => {}
                Some(Recheck::Name(why)) => self.look_at_name(key, why),
                Some(Recheck::Sweep) => self.sweep_one(key),
            }
        }
    }

    /// Watches the way to a topic anew, then sees whether its name still leads to its file.
    fn look_at_name(&mut self, key: TopicId, why: Option<End>) {
        self.place(key);
        self.check_name(key, why);
        self.fan_out_again(key);
    }

    fn sweep_one(&mut self, key: TopicId) {
        let topic = &self.topics[key];
        let found = topic.file.stat().ok();
        // What has grown in a directory does not show.
        let unchanged = found.is_some() && found == topic.swept && topic.directory.is_none();
        self.topics[key].swept = found;
        self.check_name(key, None);
        if !unchanged || self.topics[key].gone.is_some() {
            self.note_change(key);
            self.fan_out(key);
        }
    }

    pub(super) fn check_name(&mut self, key: TopicId, why: Option<End>) {
        let topic = &self.topics[key];
        let derived = match self.lookups.files().identify(&topic.name) {
            Ok(id) if id == topic.file.id() => return,
            Ok(_) if topic.file.lost_a_name() => End::Replaced,
            Ok(_) => End::Renamed,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG) => {
                if topic.file.lost_a_name() {
                    End::Unlinked
                } else {
                    End::Renamed
                }
            }
            Err(Errno::ACCESS | Errno::IO | Errno::STALE) => {
                return self.end(key, End::Broken);
            }
            // Nothing is known (no descriptor, no memory): look again soon.
            Err(_) => {
                let watched = std::mem::replace(&mut self.topics[key].watched, false);
                self.unwatched += usize::from(watched);
                return;
            }
        };
        if !self.rehome(key) {
            self.end(key, why.unwrap_or(derived));
        }
    }

    fn end(&mut self, key: TopicId, why: End) {
        let topic = &mut self.topics[key];
        topic.gone = Some(why);
        let places = std::mem::take(&mut topic.places);
        self.unmap(key);
        self.give_back(key, places);
    }

    /// The file may have changed: its tails are to be driven, after a new look at it.
    fn fan_out_again(&mut self, key: TopicId) {
        match self.topics.get(key) {
            Some(topic) if topic.directory.is_some() => self.note_change(key),
            Some(topic) => {
                topic.file.invalidate();
                self.fan_out(key);
            }
            None => {}
        }
    }

    /// Whether there are tails to be driven or topics to be looked at.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.fanouts.is_empty() || !self.looks.is_empty()
    }
}

fn narrow(slot: usize) -> SlotId {
    SlotId::try_from(slot).expect("fewer than 2^32 connections")
}

fn warn_unwatched(error: &std::io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::warn!(
            "cannot watch every file ({error}; see fs.inotify.max_user_watches and the permissions of directories): \
             such files are looked at by the clock"
        );
    });
}

fn warn_remote() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::warn!(
            "this file system may not tell of every write: its files are looked at by the clock"
        );
    });
}
