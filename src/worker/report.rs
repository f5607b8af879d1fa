//! A worker reports about itself, a slice of its slots a turn.

use super::Worker;
use super::inspect::{Ask, Client, Counters, Following, STATES};
use crate::connection::State;
use crate::limits::INSPECT_SLICE;

impl Worker {
    /// Continues the report that was asked for first, if one was.
    pub(super) fn inspect(&mut self) {
        let Some(mut ask) = self.asked.take().or_else(|| self.mailbox.take()) else {
            return;
        };
        let end = ask.cursor.saturating_add(INSPECT_SLICE);
        for key in ask.cursor..end.min(self.slots.capacity()) {
            self.inspect_slot(key, &mut ask);
        }
        if end < self.slots.capacity() {
            ask.cursor = end;
            self.asked = Some(ask);
            return;
        }
        ask.report.counters = self.counters();
        let (files, polled) = self.context.topics.count();
        (ask.report.files, ask.report.polled_files) = (files as u64, polled as u64);
    }

    /// The counters of this worker up to now.
    pub(super) fn counters(&self) -> Counters {
        Counters {
            overflows: self.context.topics.overflows(),
            ..self.context.counters.clone()
        }
    }

    fn inspect_slot(&self, key: usize, ask: &mut Ask) {
        let Some(slot) = self.slots.get(key) else {
            return;
        };
        let state = match slot.machine.state() {
            State::ReadingHeaders(Some(_)) if slot.machine.is_patient() => 5,
            State::ReadingHeaders(_) | State::ReadingBody(_) => 0,
            State::SendingRange(_) if !slot.machine.is_tail() => 1,
            State::SendingRange(_) => 2,
            State::Tailing(_) => 3,
            State::Closing(_) => 4,
        };
        ask.report.states[state] += 1;
        ask.report.event_streams += u64::from(slot.machine.subject().is_some());
        let progress = slot.machine.progress().map(|(offset, file)| {
            let size = file.cached_stat().map_or(offset, |look| look.size);
            (offset, size.saturating_sub(offset))
        });
        if let Some((_, lag)) = progress {
            ask.report.lag = ask.report.lag.max(lag);
        }
        if ask.report.clients.len() >= ask.clients {
            return;
        }
        let topic = slot
            .topic
            .map(|topic| self.context.topics.name(topic as usize));
        let path = slot.machine.subject().cloned().or(topic);
        let tail = path.zip(progress);
        ask.report.clients.push(Client {
            peer: slot.peer,
            state: STATES[state],
            age: slot.age(self.context.now),
            tail: tail.map(|(path, (offset, lag))| Following { path, offset, lag }),
        });
    }
}
