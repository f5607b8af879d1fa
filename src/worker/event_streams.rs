//! What event streams want besides sending: to know of their files and directories, and which files have their names now.
//! It is cold for the sake of tails, which pass by here at every append.

use std::rc::Rc;

use super::drive::{Desk, Slot};
use crate::connection::Want;
use crate::follow::directories::unlisted;

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
    let joined = desk.followers.file(key, sought.member);
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
    let joined = desk.followers.directory(key);
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
