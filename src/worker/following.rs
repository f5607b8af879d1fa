//! What an event stream wants besides sending: bytes of its file to make events of, and the file that has its name now.

use std::ops::Range;
use std::rc::Rc;

use super::drive::{Desk, Slot};
use crate::connection::Want;
use crate::os::files::OpenFile;

/// Reads what is wanted; a file that has not got it was truncated, or cannot be read.
pub(super) fn read(slot: &mut Slot, file: &Rc<OpenFile>, range: Range<u64>, desk: &mut Desk) {
    let end = range.end;
    match desk.scratch.read(file, range) {
        Ok(bytes) => slot.machine.read_file(bytes, desk.now),
        Err(_) => match file.look() {
            Ok(look) if look.size < end => slot.machine.shrank(look.size, desk.now),
            _ => slot.machine.fell_short(desk.now),
        },
    }
}

/// Takes the slot from the topic of the file that had the name to that of the file that has it now.
pub(super) fn follow(slot: &mut Slot, key: usize, desk: &mut Desk) {
    if let Some(topic) = slot.topic.take() {
        desk.topics.leave(topic as usize, key);
    }
    let Want::Follow(path) = slot.machine.want() else {
        return;
    };
    let lookup = desk.topics.look_up_to_follow(path);
    if let Some(file) = lookup.file() {
        slot.truncation = file.truncation();
    }
    if let Some(topic) = lookup.topic {
        desk.topics.join(topic, key);
        slot.topic = u32::try_from(topic).ok();
    }
    slot.machine.followed(lookup.found, desk.now);
}
