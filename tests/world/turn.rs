//! What wakes a connection: the poller, news of files, the clock, the end of the server. The part of `worker::topics`
//! and of the worker's loop.

use openrange::connection::sending::End;
use openrange::connection::{Interest, Moment, State};
use openrange::limits::LINGER;

use super::disk::Event;
use super::{Conn, Fault, TIMEOUTS, World};

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
            End::Stalled => self.machine().expired(now),
            _ => self.machine().cut(now),
        }
        self.due = true;
    }
}

impl Conn {
    /// Until when the client is waited for, if it is.
    pub fn patience(&self) -> Moment {
        if self.shut {
            return self.shut_at + LINGER;
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

    /// Takes the next of what the kernel tells.
    pub fn deliver(&mut self) {
        let Some(event) = self.disk.events.pop_front() else {
            return;
        };
        for conn in &mut self.conns {
            let Some((name, file)) = conn.topic else {
                continue;
            };
            let left = match event {
                Event::Grew(grown) if grown == file => None,
                Event::Look(looked) if looked == name => self.disk.left(name, file),
                Event::All => self.disk.left(name, file),
                _ => continue,
            };
            if self.fault != Fault::StaleMeasure {
                self.disk.forget(file);
            }
            if !conn.machine().is_tail() {
                continue;
            }
            let sending = matches!(conn.machine().state(), State::SendingRange(_));
            conn.due |= match left {
                None if self.fault == Fault::IgnoreChanges => false,
                None if sending && self.fault == Fault::ForgetChangeWhileSending => false,
                None => conn.machine().changed(),
                Some(why) => {
                    let tail = conn.client.tail.as_mut().expect("a tail");
                    let promised = tail.left.unwrap_or(0);
                    tail.told.get_or_insert((why, promised));
                    if sending && self.fault == Fault::ForgetGoneWhileSending {
                        false
                    } else {
                        conn.machine().gone(why)
                    }
                }
            };
        }
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
        assert!(conn.patience() <= now, "the client had more time");
        conn.machine().expired(now);
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
                let size = self.disk.size(tail.file);
                tail.told.get_or_insert((End::Shutdown, size));
            }
            conn.due |= conn.machine().drain(self.now);
        }
    }
}
