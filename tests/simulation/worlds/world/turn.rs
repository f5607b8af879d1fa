//! What wakes a connection besides news of files: the poller, the clock, the end of the server. The part of the worker's
//! loop.

use openrange::connection::State;
use openrange::limits::LINGER;
use openrange::readiness::Interest;
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::{Conn, TIMEOUTS, World};

impl Conn {
    /// The client took nothing for too long, or the time to end is over.
    pub fn break_off(&mut self, why: End, now: Moment) {
        if matches!(
            self.machine().state(),
            State::SendingRange(_) | State::Tailing(_)
        ) {
            self.must_cut(why);
        }
        match why {
            End::Stalled => self.machine().stalled(now),
            _ => self.machine().cut(now),
        }
        self.due = true;
    }
}

impl Conn {
    /// Until when the client is waited for, if it is.
    pub fn patience(&self) -> Moment {
        if self.shut {
            return self.shut_at + self.drained_at.map_or(LINGER, |_| LINGER / 2);
        }
        if let Some(drained_at) = self.drained_at {
            return drained_at + (LINGER / 2).min(TIMEOUTS.header);
        }
        let asked = self.client.end_of_asked();
        match self.client.opened {
            0 => self.answered_at + TIMEOUTS.header,
            _ if self.given <= asked => self.answered_at + TIMEOUTS.idle,
            _ => self.begun_at.max(self.answered_at) + TIMEOUTS.header,
        }
    }
}

impl World<'_> {
    /// The poller, level-triggered: tells only of what was asked for, but of a broken connection always.
    pub fn poll(&mut self, key: usize) {
        let conn = &mut self.conns[key];
        let readable = !conn.inbound.is_empty() || conn.fin;
        let Interest {
            readable: read,
            writable: write,
        } = conn.armed;
        conn.readable |= read && readable || conn.reset;
        conn.due |= conn.readable || write && conn.room > 0;
    }

    /// The deadline of a connection, when it has come.
    pub fn expire(&mut self, key: usize) {
        let now = self.now;
        let conn = &mut self.conns[key];
        if conn.deadline > now {
            return;
        }
        conn.deadline = Moment::NEVER;
        conn.due = true;
        if conn.machine().deadline(&TIMEOUTS) > now {
            return;
        }
        conn.timed_out = matches!(conn.machine().state(), State::ReadingHeaders(_));
        let live = conn.machine().is_tail();
        assert!(live || conn.patience() <= now, "the client had more time");
        conn.machine().timer_fired(now);
    }

    /// The server is to end.
    pub fn stop(&mut self) {
        self.draining = true;
        for file in 0..self.disk.files.len() {
            self.disk.forget(file);
        }
        for conn in self.conns.iter_mut().filter(|conn| conn.machine.is_some()) {
            if conn.machine().is_tail()
                && let Some(tail) = &mut conn.client.tail
            {
                tail.drain(&self.disk);
            }
            conn.drained_at = Some(self.now);
            conn.due |= conn.machine().drain(self.now);
        }
    }
}
