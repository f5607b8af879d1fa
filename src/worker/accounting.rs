//! Counts and logs responses; a subscription leaves its topic when its response ends.

use log::info;

use super::context::Context;
use super::slot::Slot;
use crate::action::{Action, ParsedHead};
use crate::connection::Ended;
use crate::log::access_record::Record;
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
        context.listings -= usize::from(std::mem::take(&mut slot.listing));
        let ended = slot.machine.take_ended();
        log_access(slot, ended.as_ref().map(|ended| ended.bytes), context);
        leave_topic(slot, key, ended, context);
    }
}

/// The line in the access log.
pub(super) fn log_access(slot: &mut Slot, tail: Option<u64>, context: &mut Context) {
    if let (Some(record), Some(lines)) = (slot.record.take(), &mut context.lines) {
        lines.add(&record, slot.peer, tail, context.date);
    }
}

fn leave_topic(slot: &mut Slot, key: usize, ended: Option<Ended>, context: &mut Context) {
    let topic = slot.topic.take().map(|topic| topic as usize);
    if let Some(ended) = ended {
        context.counters.ends[ended.end as usize] += 1;
        let (kind, name) = match (ended.events, topic) {
            (Some(path), _) => {
                context.event_subscriptions.leave(key, &mut context.topics);
                ("events", path)
            }
            (None, Some(topic)) => ("tail", context.topics.name(topic)),
            (None, None) => return,
        };
        let (peer, why, bytes) = (slot.peer, ended.end.word(), ended.bytes);
        info!("{peer} {kind} of {name} ended: {why}, {bytes} bytes");
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
) {
    context.counters.answers[summary.status as usize] += 1;
    info!("{} {} {summary}", slot.peer, Line(asked));
    if let (Some(_), Action::Send(next)) = (&context.lines, slot.machine.action()) {
        let record = Record::new(asked, summary, &next.before);
        slot.record = Some(Box::new(record));
    }
}

/// What was asked, for the log; all that comes from the client is encoded.
struct Line<'a>(&'a ParsedHead);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ok(asked) => write!(out, "{}:", asked.line("(a hidden name)")),
            Err(refused) => write!(out, "refused, {}:", refused.why.explain().1),
        }
    }
}
