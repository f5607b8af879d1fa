//! What event streams want besides sending: to know of their files and directories, and which files have their names now.
//! It is cold for the sake of tails, which pass by here at every append.

use std::collections::HashMap;
use std::rc::Rc;

use super::drive::{Desk, Slot};
use crate::connection::sending::End;
use crate::connection::{Connection, Want};
use crate::follow::directories::unlisted;
use crate::follow::registry::Topics;
use crate::follow::watcher::Topic as Key;
use crate::store::root::OpenFile;

/// Which topics the event streams follow, by their slots. A tail follows one, which its slot knows.
#[derive(Default)]
pub struct Followers(HashMap<usize, Joined>);

/// The topics of one event stream.
#[derive(Default)]
struct Joined {
    directory: Option<Key>,
    /// By the number of the name.
    files: Vec<Option<Key>>,
}

impl Followers {
    /// A stream follows this topic by its first name.
    pub(super) fn join(&mut self, slot: usize, topic: Key) {
        self.0.entry(slot).or_default().files = vec![Some(topic)];
    }

    /// A stream is over.
    pub(super) fn leave(&mut self, slot: usize, topics: &mut Topics) {
        if let Some(joined) = self.0.remove(&slot) {
            let files = joined.files.into_iter().flatten();
            for topic in files.chain(joined.directory) {
                topics.leave(topic, slot);
            }
        }
    }

    /// Tells a stream that a topic is gone. True as in [`Connection::changed`].
    pub(super) fn lose(
        &self,
        slot: usize,
        machine: &mut Connection<Rc<OpenFile>>,
        topic: Key,
        why: End,
    ) -> bool {
        let joined = self.0.get(&slot).map_or(&[][..], |joined| &joined.files);
        match joined.iter().position(|&file| file == Some(topic)) {
            Some(member) => machine.lost(member, why),
            None => machine.changed(),
        }
    }
}

/// Measures a file, which must still be what its events say it is.
#[cold]
pub(super) fn examine(slot: &mut Slot, desk: &mut Desk) {
    let Want::Examine(known) = slot.machine.want() else {
        return;
    };
    let file = known.file;
    let look = if known.anew {
        file.look()
    } else {
        file.known()
    };
    match look {
        Ok(look) if file.tag() == known.etag => {
            slot.machine.measured(look.size, look.sealed, desk.now);
        }
        Ok(look) => slot.machine.shrank(look.size, desk.now),
        Err(_) => slot.machine.fell_short(desk.now),
    }
}

/// Reads what is wanted; a file that has not got it was truncated, or cannot be read.
#[cold]
pub(super) fn read(slot: &mut Slot, desk: &mut Desk) {
    let Want::Read(file, range) = slot.machine.want() else {
        return;
    };
    let (file, end) = (Rc::clone(file), range.end);
    match desk.scratch.read(&file, range) {
        Ok(bytes) => slot.machine.read_file(bytes, desk.now),
        Err(_) => match file.look() {
            Ok(look) if look.size < end => slot.machine.shrank(look.size, desk.now),
            _ => slot.machine.fell_short(desk.now),
        },
    }
}

/// Takes the slot from the topic of the file that had the name to that of the file that has it now. True if lines were
/// counted for it.
#[cold]
pub(super) fn follow(slot: &mut Slot, key: usize, desk: &mut Desk) -> bool {
    let Want::Follow(sought) = slot.machine.want() else {
        return false;
    };
    let files = &mut desk.followers.0.entry(key).or_default().files;
    if files.len() <= sought.member {
        files.resize(sought.member + 1, None);
    }
    let joined = &mut files[sought.member];
    if let Some(topic) = joined.take() {
        desk.topics.leave(topic, key);
    }
    let lookup = desk.topics.look_up_to_follow(sought);
    if let Some(topic) = lookup.topic {
        desk.topics.join(topic, key);
        *joined = Some(topic);
    }
    let counted = lookup.counted();
    slot.machine.followed(lookup.found, desk.now);
    counted
}

/// Follows the directory that is wanted, and tells what is in it.
#[cold]
pub(super) fn list(slot: &mut Slot, key: usize, desk: &mut Desk) {
    let Want::List { path, anew } = slot.machine.want() else {
        return;
    };
    let path = path.clone();
    let version = desk.topics.version;
    let found = desk.topics.follow_directory(&path);
    let joined = &mut desk.followers.0.entry(key).or_default().directory;
    let topic = found.as_ref().ok().copied();
    if *joined != topic {
        if let Some(topic) = topic {
            desk.topics.join(topic, key);
        }
        if let Some(former) = std::mem::replace(joined, topic) {
            desk.topics.leave(former, key);
        }
    }
    let listed = match found {
        Ok(topic) => {
            if anew {
                desk.topics.note_change(topic);
            }
            desk.topics.read_directory(topic, &path, desk.now)
        }
        Err(other) => unlisted(&other),
    };
    slot.machine.listed(&listed, desk.now);
    desk.listed |= desk.topics.version != version;
}
