//! Carries out the actions of a connection against its socket and file, until it waits for somebody or has used up its
//! share of the turn.

use std::rc::Rc;

use rustix::io::Errno;

use super::accounting::count_sent;
use super::context::Context;
use super::event_streams;
use super::jobs;
use super::open::{must_list, open};
use super::send::{SendBuffer, Sent, Trouble};
use super::slot::Slot;
use super::writing;
use crate::action::{Action, Next};
use crate::connection::State;
use crate::limits::{BUDGET_ACTIONS, BUDGET_BYTES, JOB_STATUS_PATIENCE};
use crate::os::sockets::Stream;
use crate::store::file::OpenFile;
use crate::store::remote::loss;

/// How driving a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It waits.
    Blocked,
    /// It waits for bytes that its file has had, or for the status of its job, and nothing of its socket matters.
    Paused,
    /// It has used up its share of the turn, and may have more to do.
    Again,
    /// It is over.
    Leave {
        /// By a reset.
        abort: bool,
    },
}

/// Drives one connection.
pub fn drive(slot: &mut Slot, key: usize, context: &mut Context) -> Outcome {
    let mut bytes = 0;
    for _ in 0..BUDGET_ACTIONS {
        match slot.machine.action() {
            Action::Sleep => {
                if writing::account(slot, context) {
                    return Outcome::Blocked;
                }
            }
            Action::Remove { abort } => return Outcome::Leave { abort },
            Action::Open(asked) if context.listed && must_list(asked, context) => {
                return Outcome::Again;
            }
            Action::Open(_) => {
                // A response that took long to make comes after those that other clients wait for.
                let took_long = open(slot, key, context);
                context.note_request(key);
                if took_long {
                    return Outcome::Again;
                }
            }
            Action::Measure(..) => {
                if measure(slot, key, context) {
                    return Outcome::Paused;
                }
            }
            Action::Read(..) => {
                if event_streams::read(slot, key, context) {
                    return Outcome::Paused;
                }
            }
            Action::Examine(_) => event_streams::examine(slot, context),
            Action::Follow(_) => {
                if event_streams::follow(slot, key, context) {
                    return Outcome::Again;
                }
            }
            Action::List { .. } => event_streams::list(slot, key, context),
            Action::Store(_) | Action::Write(..) | Action::Refuse(_) => write(slot, key, context),
            Action::Shut => {
                slot.stream.shut();
                slot.machine.shut(context.now);
            }
            Action::Send(next) => {
                let memory = (!slot.stream.counts_bytes()).then(|| slot.stream.unacknowledged());
                let (truncation, buffer) = (&mut slot.truncation, &mut context.send_buffer);
                match transmit(&slot.stream, &next, truncation, buffer) {
                    Ok(sent) => {
                        context.pauses.end(key);
                        slot.machine.sent(sent.count, context.now);
                        count_sent(slot, sent.count, memory, context);
                        bytes += sent.count;
                        if sent.full {
                            return Outcome::Blocked;
                        }
                    }
                    Err(Trouble::Full) => return Outcome::Blocked,
                    Err(trouble) if waits(slot, key, context, &trouble) => return Outcome::Paused,
                    Err(_) => {}
                }
            }
        }
        if bytes >= BUDGET_BYTES {
            break;
        }
    }
    Outcome::Again
}

/// Reports why nothing could be sent. True: the connection waits for it.
#[cold]
fn waits(slot: &mut Slot, key: usize, context: &mut Context, trouble: &Trouble) -> bool {
    match *trouble {
        Trouble::Missing if context.pauses.begin(key, context.now) => return true,
        Trouble::Missing => slot.machine.fell_short(context.now),
        Trouble::File(why) => slot.machine.broke(why, context.now),
        Trouble::Shrank(size) => slot.machine.shrank(size, context.now),
        Trouble::Full | Trouble::Peer => slot.machine.peer_gone(context.now),
    }
    false
}

/// Goes on with what a request writes.
pub(super) fn write(slot: &mut Slot, key: usize, context: &mut Context) {
    let writes = matches!(slot.machine.action(), Action::Write(..));
    if !(writes && jobs::carry_out(slot, context)) {
        writing::go_on(slot, key, context);
    }
    context.note_request(key);
}

/// How long the file of a tail is now, or by what it was truncated. True: it is the whole answer of a job that has no status
/// yet, and the connection waits for that.
fn measure(slot: &mut Slot, key: usize, context: &mut Context) -> bool {
    let Action::Measure(file, offset) = slot.machine.action() else {
        return false;
    };
    if let Some(size) = file.shrank_since(&mut slot.truncation) {
        slot.machine.shrank(size, context.now);
    } else if let Some(size) = context.send_buffer.read_on(file, offset) {
        slot.machine.measured(size, false, context.now);
    } else {
        match file.end() {
            Ok((size, true)) if size >= offset && !jobs::tell_status(slot, context) => {
                if size > offset {
                    // What is there goes out meanwhile.
                    slot.machine.measured(size, false, context.now);
                    slot.machine.changed();
                    return false;
                }
                let (now, patience) = (context.now, JOB_STATUS_PATIENCE);
                if context.pauses.begin_for(key, now, patience) {
                    return true;
                }
                slot.machine.measured(size, true, now);
            }
            Ok((size, sealed)) => slot.machine.measured(size, sealed, context.now),
            Err(error) => slot.machine.broke(loss(error), context.now),
        }
    }
    false
}

/// Sends some of what comes next, unless its file was seen to be truncated, by whomever.
fn transmit(
    stream: &Stream,
    next: &Next<'_, Rc<OpenFile>>,
    truncation: &mut u64,
    send_buffer: &mut SendBuffer,
) -> Result<Sent, Trouble> {
    let Some((file, _)) = &next.file else {
        return send_buffer.send(stream, next);
    };
    // A client that is cut here has seen any other truncation too: measuring the file notes it.
    if let Some(size) = file.shrank_since(truncation) {
        let _ = file.stat();
        return Err(Trouble::Shrank(size));
    }
    let result = send_buffer.send(stream, next);
    if matches!(result, Err(Trouble::File(_) | Trouble::Missing)) {
        let _ = file.stat();
    }
    result
}

/// Reads once, and only when the poller reports something. Every connection of a turn has received before
/// the first one is driven: so a request is never younger than what was looked up in its turn.
pub fn receive(slot: &mut Slot, key: usize, context: &mut Context) {
    let room = slot.machine.room();
    if !std::mem::take(&mut slot.readable) || room == 0 {
        return;
    }
    match slot.stream.receive(&mut context.input[..room]) {
        Ok(0) => slot.machine.peer_gone(context.now),
        Ok(n) if slot.awaits_source => receive_source(slot, key, n, context),
        Ok(n) => slot.machine.received(&context.input[..n], context.now),
        Err(Errno::AGAIN) => {}
        Err(_) => slot.machine.peer_gone(context.now),
    }
}

/// Reads what a client is waited for in vain, as it seems: this thread may have been stopped, or have waited for a file
/// system, and what has come meanwhile is not late.
pub fn receive_in_time(slot: &mut Slot, key: usize, context: &mut Context) {
    if let State::ReadingHeaders(None) | State::ReadingBody(_) = slot.machine.state() {
        // The poller reports only so many connections in a turn.
        slot.readable = true;
        receive(slot, key, context);
    }
}

/// The first bytes of a connection of a proxy say whose it is.
#[cold]
fn receive_source(slot: &mut Slot, key: usize, count: usize, context: &mut Context) {
    let (clients, bytes) = (&mut context.clients, &context.input[..count]);
    match clients.read_head(key, slot, bytes) {
        Ok(Some(rest)) if !rest.is_empty() => slot.machine.received(&rest, context.now),
        Ok(_) => {}
        Err(why) => {
            log::warn!("{} refused: {why}", slot.peer);
            slot.machine.peer_gone(context.now);
        }
    }
}
