//! New connections: those that are served, those above the limit, which get 503 and are closed, and what happens when no
//! descriptor is left, or a listener accepts none.

use std::mem;
use std::os::fd::AsFd;

use log::{debug, info, warn};
use rustix::io::Errno;

use super::Worker;
use super::drive;
use super::fault::Fault;
use super::slot::Slot;
use super::timers::Timer;
use crate::connection::Connection;
use crate::limits::{ACCEPT_BURST, ACCEPT_PAUSE, ACCEPT_SINGLY};
use crate::os::epoll::Token;
use crate::os::sockets::{NotAccepted, Peer, Stream};
use crate::readiness::Interest;

impl Worker {
    /// Whether the connections of this turn come before new ones: when there is no room, some of them may leave. The poller
    /// reports once more who waits; after that nobody waits longer, however many others there are.
    pub(super) fn leavers_first(&mut self) -> bool {
        let full = self.shared.admission.is_full() && !self.queue.is_empty();
        self.were_first = full && !self.were_first;
        self.were_first
    }

    /// Accepts what waits at a listener: one connection, or a burst of them if one waits again and again.
    pub(super) fn accept_some(&mut self, index: usize) {
        let most = match self.accepted_singly < ACCEPT_SINGLY {
            true => 1,
            false => ACCEPT_BURST,
        };
        self.accepted_singly = self.accepted_singly.saturating_add(1);
        self.accept(index, most);
    }

    /// Accepts at most so many connections from one listener.
    pub(super) fn accept(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            match self.listeners[index].accept() {
                Ok((stream, peer)) => {
                    self.note_recovery(index);
                    let proxied = self.listeners[index].is_proxied();
                    self.admit(stream, peer, proxied);
                }
                Err(why) => {
                    if why != NotAccepted::NoneWaits {
                        self.context.counters.accept_errors[index] += 1;
                    }
                    match why {
                        NotAccepted::Gone(error) => {
                            debug!("accepting failed: {error}");
                            continue;
                        }
                        NotAccepted::NoneWaits => self.accepted_singly = 0,
                        NotAccepted::NoRoom(error) => self.out_of_descriptors(error),
                        NotAccepted::Unable(error) => return self.note_fault(index, error),
                    }
                    return self.note_recovery(index);
                }
            }
        }
    }

    /// A listener accepts nothing, and is tried again after a while. The others are none the worse for it.
    #[cold]
    fn note_fault(&mut self, index: usize, error: Errno) {
        let listener = &self.listeners[index];
        let fault = &mut self.faults[index];
        if fault.as_ref().is_none_or(|fault| fault.error != error) {
            let address = listener.address();
            warn!("{address} accepts no connections ({error}): trying again every second");
        }
        self.poll.remove(listener.as_fd());
        *fault = Some(Fault {
            error,
            unwatched: true,
        });
        let again = self.context.now + ACCEPT_PAUSE;
        self.timers.set(Timer::Listeners, again);
    }

    fn note_recovery(&mut self, index: usize) {
        if self.faults[index].take().is_some() {
            let address = self.listeners[index].address();
            info!("{address} accepts connections again");
        }
    }

    /// Watches the listeners again that have accepted nothing.
    pub(super) fn watch_again(&mut self) {
        self.timers.clear(Timer::Listeners);
        let interest = match self.timers.is_set(Timer::Accept) {
            true => Interest::NONE,
            false => Interest::READABLE,
        };
        for (index, listener) in self.listeners.iter().enumerate() {
            let Some(fault) = self.faults[index].as_mut().filter(|fault| fault.unwatched) else {
                continue;
            };
            fault.unwatched = false;
            if let Err(error) = self.poll.add(listener, Token::Listener(index), interest) {
                warn!("cannot watch a listener: {error}");
                fault.unwatched = true;
                let again = self.context.now + ACCEPT_PAUSE;
                self.timers.set(Timer::Listeners, again);
            }
        }
    }

    fn admit(&mut self, stream: Stream, peer: Peer, proxied: bool) {
        let counted = self.shared.admission.admit(peer);
        let machine = if counted {
            Connection::new(self.context.now)
        } else {
            self.context.counters.refused += 1;
            Connection::refused(self.context.now)
        };
        self.context.counters.accepted += 1;
        let mut slot = Slot::new(stream, peer, machine, counted, self.context.now);
        slot.awaits_source = counted && proxied;
        if let Some(key) = self.insert(slot)
            && !counted
        {
            self.refuse(key);
        }
    }

    /// Takes a connection in: it is watched, and what has come on it is read in this turn. Returns its key.
    pub(super) fn insert(&mut self, slot: Slot) -> Option<usize> {
        let entry = self.slots.vacant_entry();
        let key = entry.key();
        if let Err(error) = self
            .poll
            .add(&slot.stream, Token::Slot(key), Interest::READABLE)
        {
            warn!("cannot watch a connection: {error}");
            self.release(key, slot.counted, slot.peer);
            return None;
        }
        let slot = entry.insert(slot);
        if slot.counted {
            self.queue.push(slot, key);
        }
        Some(key)
    }

    /// Answers a connection above the limit at once, and closes it as soon as its request is read. When there are many of
    /// them the oldest gives way.
    fn refuse(&mut self, key: usize) {
        self.drive(key);
        self.read_refused(key);
        self.refused.push_back(key);
        if self.refused.len() > self.shared.refused_max
            && let Some(oldest) = self.refused.pop_front()
        {
            self.give_way(oldest);
        }
        // Not at the end of the turn: until then a burst of them would take the descriptors of connections that are served.
        self.reap();
    }

    /// Reads what a refused client has sent before it closes the connection: otherwise the close is a reset, and the
    /// client loses the answer.
    fn read_refused(&mut self, key: usize) {
        let slot = &mut self.slots[key];
        slot.readable = true;
        drive::receive(slot, key, &mut self.context);
        self.drive(key);
    }

    fn give_way(&mut self, key: usize) {
        self.read_refused(key);
        self.leaving.push((key, false));
    }

    /// A connection is gone.
    pub(super) fn release(&mut self, key: usize, counted: bool, peer: Peer) {
        if counted {
            self.shared.admission.release(peer);
        } else if let Some(index) = self.refused.iter().position(|refused| *refused == key) {
            self.refused.remove(index);
        }
    }

    /// Closes all connections that only wait for the client's close, refused or answered, to free their descriptors; if
    /// there are none, accepting pauses.
    fn out_of_descriptors(&mut self, error: Errno) {
        let refused = mem::take(&mut self.refused);
        let answered = |(key, slot): (usize, &Slot)| slot.is_delivered().then_some(key);
        let answered: Vec<usize> = self.slots.iter().filter_map(answered).collect();
        if !refused.is_empty() || !answered.is_empty() {
            let leaving = refused.into_iter().chain(answered);
            leaving.for_each(|key| self.give_way(key));
            return self.reap();
        }
        if !self.timers.is_set(Timer::Accept) {
            warn!("cannot accept a connection ({error}): waiting until another ends");
            self.listen(Interest::NONE);
        }
        self.timers
            .set(Timer::Accept, self.context.now + ACCEPT_PAUSE);
    }

    /// Accepts again, if accepting pauses.
    pub(super) fn resume(&mut self) {
        if self.timers.is_set(Timer::Accept) {
            self.timers.clear(Timer::Accept);
            self.listen(Interest::READABLE);
        }
    }

    fn listen(&self, interest: Interest) {
        for (index, listener) in self.listeners.iter().enumerate() {
            if self.faults[index].as_ref().is_some_and(|it| it.unwatched) {
                continue;
            }
            if let Err(error) = self
                .poll
                .modify(listener.as_fd(), Token::Listener(index), interest)
            {
                warn!("cannot watch a listener, or stop watching it: {error}");
            }
        }
    }
}
