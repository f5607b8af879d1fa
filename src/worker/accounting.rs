//! Counts and logs responses; a subscription leaves its topic when its response ends.

use log::{Level, info, log};

use super::context::Context;
use super::slot::Slot;
use crate::action::{Action, ParsedHead};
use crate::connection::Ended;
use crate::http::head::Status;
use crate::os::sockets::Peer;
use crate::response::Summary;

/// Accounts for bytes that the socket took. `memory`: what it held before, where bytes cannot be counted.
pub(super) fn count_sent(slot: &mut Slot, count: u64, memory: Option<u32>, context: &mut Context) {
    if let Some(record) = &mut slot.record {
        record.sent += count;
    }
    let taken = |before| slot.stream.unacknowledged().saturating_sub(before).into();
    slot.unacked.sent(count, memory.map_or(count, taken));
    if !std::mem::replace(&mut slot.has_unacked, true) {
        slot.unacked.open(context.now);
    }
    context.counters.sent += count;
}

/// When a response is over: logs it, takes a tail out of its topic, and lets another listing be made.
pub(super) fn finish_response(slot: &mut Slot, key: usize, context: &mut Context) {
    if !slot.machine.is_answering() && !slot.machine.is_patient() {
        let ended = slot.machine.take_ended();
        log_access(slot, ended.as_ref().map(|ended| ended.bytes), context);
        leave_topic(slot, key, ended, context);
    }
}

/// The line in the access log.
pub(super) fn log_access(slot: &mut Slot, tail: Option<u64>, context: &mut Context) {
    if let (Some(record), Some(lines)) = (slot.record.take(), &mut context.lines) {
        lines.add(&record, tail, context.date);
    }
}

fn leave_topic(slot: &mut Slot, key: usize, ended: Option<Ended>, context: &mut Context) {
    let topic = slot.topic.take().map(|topic| topic as usize);
    if let Some(ended) = ended {
        let peer = context.clients.subscriber(key, slot);
        context.clients.forget(key);
        context.permits.forget(key);
        context.counters.ends[ended.end as usize] += 1;
        let (kind, name) = match (ended.events, topic) {
            (Some(path), _) => {
                context.event_subscriptions.leave(key, &mut context.topics);
                context.topics.stop_waiting(key);
                ("events", path)
            }
            (None, Some(topic)) => ("tail", context.topics.name(topic)),
            (None, None) => return,
        };
        let (why, bytes) = (ended.end.word(), ended.bytes);
        info!(
            peer:%, kind, path:% = name, why, bytes;
            "{peer} {kind} of {name} ended: {why}, {bytes} bytes"
        );
    }
    if let Some(topic) = topic {
        context.topics.leave(topic, key);
    }
}

/// Counts and logs an answer that is on its way from here on.
pub(super) fn answer_begins(
    slot: &mut Slot,
    context: &mut Context,
    asked: &ParsedHead,
    summary: Summary,
    why: Option<&str>,
) {
    context.counters.answers[summary.status as usize] += 1;
    context.stopwatch.answered = true;
    let user = token_name(context, asked);
    let client = match asked {
        Ok(asked) => context.clients.of(slot.peer, asked),
        Err(_) => slot.peer,
    };
    log_answer(client, asked, user.as_deref(), summary, why);
    if let (Some(lines), Action::Send(next)) = (&context.lines, slot.machine.action()) {
        let head = match next.file {
            Some(_) => next.before.len(),
            None => length_of_head(&next.before),
        };
        let record = lines.begin(asked, client, user, summary, head as u64);
        slot.record = Some(Box::new(record));
    }
}

/// How many of the bytes that a response begins with are its head: a short body may follow it.
fn length_of_head(start: &[u8]) -> usize {
    let end = start.windows(4).position(|end| end == b"\r\n\r\n");
    end.map_or(0, |end| end + 4)
}

/// The name of the token by which the client may do what it asks.
fn token_name(context: &mut Context, asked: &ParsedHead) -> Option<Box<str>> {
    let (tokens, asked) = (context.tokens.as_mut()?, asked.as_ref().ok()?);
    let credentials = &asked.request.credentials;
    let name = tokens
        .get()
        .name(credentials, asked.intent.path(), context.date);
    name.map(Into::into)
}

/// The line in the log; all that comes from the client is encoded. `why`: the reason of a refusal that the client does
/// not get.
fn log_answer(
    peer: Peer,
    asked: &ParsedHead,
    user: Option<&str>,
    summary: Summary,
    why: Option<&str>,
) {
    let level = match asked {
        Ok(asked) if asked.request.is_page && summary.status == Status::PartialContent => {
            Level::Debug
        }
        _ => Level::Info,
    };
    if level > log::max_level() {
        return;
    }
    let status = summary.status.code();
    let (start, end) = match why {
        Some(_) => (" (", ")"),
        None => ("", ""),
    };
    let (why, token) = (why.unwrap_or_default(), user.unwrap_or_default());
    match asked {
        Ok(asked) => {
            let method = asked.request.method.name();
            let target = asked.target_for_log("(a hidden name)");
            log!(
                level, peer:%, method, target, status, token, why;
                "{peer} {method} {target}: {summary}{start}{why}{end}"
            );
        }
        Err(refused) => {
            let why = refused.why.explain().1;
            match &refused.line {
                Some(line) => {
                    let (method, target) = (&*line.method, &*line.path);
                    log!(
                        level, peer:%, method, target, status, why;
                        "{peer} {method} {target} refused, {why}: {summary}"
                    );
                }
                None => log!(level, peer:%, status, why; "{peer} refused, {why}: {summary}"),
            }
        }
    }
}
