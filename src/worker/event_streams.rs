//! The actions of event streams besides sending: to know of their files and directories, and which files have their names
//! now. Its functions are `cold` for the sake of tails, whose code this must not displace at every append.

use std::rc::Rc;

use super::context::Context;
use super::generations::{self, Next};
use super::send::Trouble;
use super::slot::Slot;
use crate::action::After;
use crate::connection::Action;
use crate::follow::absences::Purpose;
use crate::follow::directories::unlisted;
use crate::http::pattern::Pattern;
use crate::http::target::Path;
use crate::resource::Resource;
use crate::store::generations::order::Member;
use crate::store::remote::loss;

/// Measures a file, which must still be what its events say it is.
#[cold]
pub(super) fn examine(slot: &mut Slot, context: &mut Context) {
    let Action::Examine(known) = slot.machine.action() else {
        return;
    };
    let file = known.file;
    let look = if known.again {
        file.stat()
    } else {
        file.cached_stat()
    };
    match look {
        Ok(look) if file.tag() == known.etag => {
            slot.machine.measured(look.size, look.sealed, context.now);
        }
        Ok(look) => slot.machine.shrank(look.size, context.now),
        Err(error) => slot.machine.broke(loss(error), context.now),
    }
}

/// Reads what is wanted; a file that has not got it was truncated, or cannot be read. True if it will have it soon.
#[cold]
pub(super) fn read(slot: &mut Slot, key: usize, context: &mut Context) -> bool {
    let Action::Read(file, range) = slot.machine.action() else {
        return false;
    };
    let (file, end) = (Rc::clone(file), range.end);
    match context.send_buffer.read(&file, range) {
        Ok(bytes) => {
            context.pauses.end(key);
            slot.machine.read_file(bytes, context.now);
        }
        Err(trouble) => match (file.stat(), trouble) {
            (Ok(look), _) if look.size < end => slot.machine.shrank(look.size, context.now),
            (_, Trouble::Missing) if context.pauses.begin(key, context.now) => return true,
            (_, Trouble::File(why)) => slot.machine.broke(why, context.now),
            _ => slot.machine.fell_short(context.now),
        },
    }
    false
}

/// Takes the slot from the topic of the file that had the name to that of the file that comes next. True if lines were
/// counted for it.
#[cold]
pub(super) fn follow(slot: &mut Slot, key: usize, context: &mut Context) -> bool {
    let Action::Follow(sought) = slot.machine.action() else {
        return false;
    };
    let (member, name, after) = (sought.member, sought.path.clone(), sought.after);
    if let (true, Some(after)) = (sought.late, after) {
        find_late(slot, key, &name, after, context);
        return false;
    }
    let purpose = Purpose::Name(u32::try_from(member).expect("few names"));
    context.topics.stop_waiting_for(key, purpose);
    let former = context
        .event_subscriptions
        .replace(key, &mut slot.topic, member, None);
    if let Some(topic) = former {
        context.topics.leave(topic, key);
    }
    let lookup = context.topics.look_up_to_follow(sought);
    let counted = lookup.counted();
    let next = match after {
        Some(after) => {
            let machine = &slot.machine;
            let elsewhere = |it: &Member| machine.follows_elsewhere(member, it.etag, &it.path);
            generations::next(context, key, &name, after, &elsewhere, lookup)
        }
        None => Next::Named(lookup),
    };
    let (topic, now) = (next.topic(), context.now);
    if let Some(topic) = topic {
        context.topics.join(topic, key);
        context
            .event_subscriptions
            .replace(key, &mut slot.topic, member, Some(topic));
    }
    match next {
        Next::Named(lookup) => {
            let missing = matches!(lookup.found, Resource::Missing);
            slot.machine.followed(lookup.found, now);
            if missing && context.topics.wait(&name, key, purpose) {
                slot.machine.is_watched(Some(member));
            }
        }
        Next::Generation {
            file,
            info,
            named,
            gap,
            ..
        } => slot.machine.went_on(file, info, named, gap, now),
        Next::Waiting => slot.machine.wait_to_follow(now),
    }
    follow_late(slot, key, context);
    counted
}

/// Finds an earlier file that the client knows, to which somebody may still append.
fn find_late(slot: &mut Slot, key: usize, name: &Path, after: After, context: &mut Context) {
    match generations::late(context, key, name, after) {
        Some(found) => slot.machine.late_found(found, context.now),
        None => slot.machine.wait_to_follow(context.now),
    }
    follow_late(slot, key, context);
}

/// Subscribes a stream to the growth of earlier files to which somebody may still append.
pub(super) fn follow_late(slot: &mut Slot, key: usize, context: &mut Context) {
    let late = slot.machine.late_files();
    let files: Vec<_> = late
        .map(|(path, file)| (path.name.clone(), Rc::clone(file)))
        .collect();
    if !files.is_empty() || context.event_subscriptions.has_late(key) {
        let topics = &mut context.topics;
        let gone = context
            .event_subscriptions
            .follow_late(key, &mut slot.topic, &files, topics);
        if !gone.is_empty() {
            slot.machine.late_over(|file| gone.contains(&file.id()));
        }
    }
}

/// Follows the directory that is wanted, and tells what is in it.
#[cold]
pub(super) fn list(slot: &mut Slot, key: usize, context: &mut Context) {
    let Action::List { path, again, files } = slot.machine.action() else {
        return;
    };
    let files: Option<Box<[Pattern]>> = files.map(Box::from);
    let path = path.clone();
    context.topics.stop_waiting_for(key, Purpose::Directory);
    let found = context.topics.follow_directory(&path);
    let topic = found.as_ref().ok().copied();
    let missing = matches!(found, Err(Resource::Missing));
    let subscriptions = &mut context.event_subscriptions;
    subscriptions.follow_directory(
        key,
        &mut slot.topic,
        topic,
        files.as_deref(),
        &mut context.topics,
    );
    let listed = match found {
        Ok(topic) => {
            if again {
                context.topics.note_change(topic);
            }
            let files = files.as_deref();
            context.topics.read_directory(topic, files, context.now)
        }
        Err(other) => unlisted(&other),
    };
    slot.machine.listed(&listed, context.now);
    if missing && context.topics.wait(&path, key, Purpose::Directory) {
        slot.machine.is_watched(None);
    }
}
