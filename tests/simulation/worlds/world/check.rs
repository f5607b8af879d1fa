//! What must hold: after every step, when all news has come, and when everything is over.

use std::rc::Rc;
use std::time::Duration;

use openrange::connection::{Action, State};

use super::disk::Disk;
use super::topics::Topic;
use super::{Conn, ROOMY, World};

impl World<'_> {
    pub fn check(&mut self) {
        for (key, conn) in self.conns.iter_mut().enumerate() {
            let Some(machine) = &conn.machine else {
                continue;
            };
            if let Some(tail) = &mut conn.client.tail {
                // Bytes that a truncation took are no longer owed.
                let size = self.disk.size(tail.file);
                let left = self.disk.left(tail.name, tail.file).map(|_| size);
                tail.left = left.map(|size| tail.left.unwrap_or(size).min(size));
                let sealed = self.disk.files[tail.file].sealed.then_some(size);
                tail.sealed = sealed.map(|size| tail.sealed.unwrap_or(size).min(size));
                tail.seen_left = tail.seen_left.map(|promised| promised.min(size));
                if let Some(stream) = &mut tail.stream {
                    stream.note_truncations(self.disk.files[tail.file].truncations);
                }
                if let Some((_, promised)) = &mut tail.told {
                    *promised = size.min(*promised);
                }
                // Only requests behind the one that is being answered are kept.
                if machine.is_tail() {
                    let behind = conn.given - conn.client.end_of_asked();
                    let last = conn.client.closing || self.draining;
                    assert!(machine.waiting() == behind || last && machine.waiting() <= behind);
                }
            }
            if !conn.due {
                let topic = conn.topic.map(|topic| &self.topics[topic]);
                let topic = topic.filter(|topic| topic.will_wake(key));
                conn.check_rest(&self.disk, topic);
            }
        }
        for file in &self.disk.files {
            let held = Rc::strong_count(&file.handle) - 1;
            let busy = self.conns.iter().filter(|conn| conn.may_hold());
            // A file that was left, truncated and found again is held twice, until it is looked at.
            let late = |conn: &Conn| {
                let stream = conn
                    .client
                    .tail
                    .as_ref()
                    .and_then(|tail| tail.stream.as_ref());
                usize::from(stream.is_some_and(|stream| !stream.late.is_empty()))
            };
            let busy: usize = busy.map(|conn| 1 + late(conn)).sum();
            assert!(held <= busy, "{held} handles held by {busy} answers");
        }
    }

    /// Everything that is to come has come.
    pub fn settle_down(&mut self) {
        self.calm = true;
        for _ in 0..1000 {
            while !self.disk.events.is_empty() || !self.passes_are_over() {
                self.deliver();
                self.pass_some();
            }
            let mut idle = true;
            self.finish_searches();
            for key in 0..self.conns.len() {
                if self.conns[key].machine.is_none() {
                    continue;
                }
                self.push(key, usize::MAX);
                self.conns[key].room = ROOMY;
                self.poll(key);
                if self.conns[key].due {
                    idle = false;
                    self.drive(key);
                }
            }
            self.check();
            if idle && self.disk.events.is_empty() && self.passes_are_over() {
                return;
            }
        }
        panic!("spins");
    }

    pub fn end(&mut self) {
        let how = self.choose(3);
        self.settle_down();
        if how != 1 {
            self.find_absent();
        }
        self.check_silence();
        for conn in &mut self.conns {
            let Some(machine) = &conn.machine else {
                continue;
            };
            let client = &conn.client;
            assert!(!conn.fin && !conn.reset || conn.shut && !conn.armed.readable);
            match machine.state() {
                State::Tailing(_) => {
                    let tail = client.tail.as_ref().expect("a tail");
                    let file = tail.file;
                    if let Some(stream) = &tail.stream {
                        self.outcomes.insert(match stream.file {
                            Some(_) => "live events, all delivered",
                            None => "events that wait for a file",
                        });
                    } else if !self.disk.files[file].broken {
                        self.outcomes.insert("live tail, all delivered");
                    }
                }
                State::ReadingHeaders(None) => {
                    assert_eq!(client.opened, client.asks.len(), "a request is forgotten");
                }
                State::Closing(_) => assert!(client.closing || self.draining),
                _ => panic!("neither done nor waiting"),
            }
        }
        match how {
            0 => self.stop(),
            1 => self.conns.iter_mut().for_each(|conn| conn.fin = true),
            _ => {
                self.stop();
                self.cut();
            }
        }
        self.settle_down();
        if how == 0 {
            for _ in 0..2 {
                self.now = self.now + Duration::from_secs(3600);
                self.pass_time();
                self.settle_down();
            }
        }
        for conn in &self.conns {
            assert!(conn.machine.is_none(), "never ends");
            assert!(conn.client.tail.is_none(), "a tail whose end nobody told");
        }
        for file in &self.disk.files {
            assert_eq!(Rc::strong_count(&file.handle), 1, "a handle is held");
        }
    }
}

impl Conn {
    pub fn may_hold(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| {
            matches!(machine.state(), State::SendingRange(_) | State::Tailing(_))
        })
    }

    /// Nobody drives it unless something happens: then that must be sure to happen. `wakes`: its topic, if a pass that
    /// is under way will wake it.
    pub fn check_rest(&self, disk: &Disk, wakes: Option<&Topic>) {
        let machine = self.machine.as_ref().expect("not yet removed");
        match machine.action() {
            Action::Sleep => {
                assert!(self.armed.readable, "a FIN would not be heard");
                if !matches!(machine.state(), State::Tailing(_)) {
                    assert_eq!(self.deadline, self.patience());
                }
            }
            Action::Send(_) => {
                assert!(self.armed.writable, "waits for room and is not told");
                assert_eq!(self.armed.readable, machine.is_tail());
            }
            _ => panic!("wants what nobody does"),
        }
        let State::Tailing(_) = machine.state() else {
            return;
        };
        let tail = self.client.tail.as_ref().expect("a tail");
        let ends = wakes.is_some_and(|topic| topic.gone.is_some());
        if let Some(stream) = &tail.stream {
            return self.check_stream(tail, stream, disk, wakes.is_some(), ends);
        }
        assert!(tail.told.is_none(), "sleeps although it must end");
        let news = tail.delivered() != disk.size(tail.file) || tail.sealed.is_some();
        assert!(
            !news || wakes.is_some() || disk.will_tell(tail.name, tail.file),
            "sleeps at {} of {}, and nothing will wake it",
            tail.delivered(),
            disk.size(tail.file)
        );
        assert!(
            tail.left.is_none() || ends || disk.will_look(tail.name),
            "sleeps although its name is gone"
        );
    }
}
