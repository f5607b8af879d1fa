//! One followed name.

use std::rc::Rc;

use super::directory::Directory;
use super::watcher::Place;
use crate::hint::HintKind;
use crate::http::target::Path;
use crate::store::file::OpenFile;
use crate::store::file_stat::FileStat;
use crate::subscription::end::End;
use crate::time::Moment;

/// The key of a connection's slot, in four bytes: every tail has one in its topic.
pub type SlotId = u32;

/// One followed name and the file that it names. When the name passes to another file, that is another topic.
pub(super) struct Topic {
    pub(super) name: Rc<[u8]>,
    /// The path that event streams of it asked for, as far as it is the same one.
    pub(super) subject: Option<Rc<Path>>,
    /// The name whose generation the file is, whatever it is called now. `None`: the topic is that of its name.
    pub(super) family: Option<Rc<[u8]>>,
    pub(super) file: Rc<OpenFile>,
    /// The slots that follow it, in order: a pass in slot order walks memory forwards.
    pub(super) tails: Vec<SlotId>,
    pub(super) places: Vec<Place>,
    /// Where the file itself was when its name last led to it, if links led there. Of use where nothing tells what happened.
    pub(super) home: Option<Box<[u8]>>,
    /// inotify reports everything that matters here; otherwise the topic is polled.
    pub(super) watched: bool,
    /// The name no longer leads to the file.
    pub(super) gone: Option<End>,
    pub(super) fanout: Fanout,
    /// Which check of it is planned, if one is.
    pub(super) look: Option<Recheck>,
    /// What the last sweep found. Not the last measurement of the file itself: a request measures it too, of which tails get no
    /// news.
    pub(super) swept: Option<FileStat>,
    /// When the next poll is due.
    pub(super) poll: Option<Moment>,
    /// When it was last seen to have grown.
    pub(super) grew: Option<Moment>,
    /// The hint about it for other servers, and when the last one was sent.
    pub(super) hint: Option<HintKind>,
    pub(super) hinted: Option<Moment>,
    /// Why its name does not lead to its file, which other machines change, and since when: bytes that were written before
    /// that may still come.
    pub(super) leaving: Option<(End, Moment)>,
    /// What is in it, if it is a directory.
    pub(super) directory: Option<Box<Directory>>,
}

impl Topic {
    /// A name that leads to this file; nothing is watched yet.
    pub(super) fn new(name: &Rc<[u8]>, file: &Rc<OpenFile>, family: Option<Rc<[u8]>>) -> Topic {
        Topic {
            name: Rc::clone(name),
            subject: None,
            family,
            file: Rc::clone(file),
            tails: Vec::new(),
            places: Vec::new(),
            home: None,
            watched: true,
            gone: None,
            fanout: Fanout::Idle,
            look: None,
            swept: None,
            poll: None,
            grew: None,
            hint: None,
            hinted: None,
            leaving: None,
            directory: file.is_directory().then(Box::default),
        }
    }

    /// Whether the kernel reports what happens in the directories below it.
    pub(super) fn tree_is_watched(&self) -> bool {
        let directory = self.directory.as_ref();
        directory.is_none_or(|directory| directory.tree.is_watched())
    }

    /// Whether something is watched for it, or because of a link in it.
    pub(super) fn watches(&self, place: &Place) -> bool {
        let directory = self.directory.as_ref();
        self.places.contains(place)
            || directory.is_some_and(|directory| directory.links.watch(place))
    }
}

/// What a check of a topic covers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Recheck {
    /// The name may lead elsewhere: watch the way to it again, and resolve it. If it does, then probably for this reason.
    Name(Option<End>),
    /// Everything, although no event says that something has happened.
    Sweep,
}

/// A pass over the tails of a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fanout {
    /// None is under way.
    Idle,
    /// The next tail is the first one with at least this key, and most likely at this index. `again`: something has
    /// happened since the pass began, so another one must follow.
    From {
        next: SlotId,
        index: usize,
        again: bool,
    },
}
