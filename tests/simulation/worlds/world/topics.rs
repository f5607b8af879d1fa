//! Names that are followed, and the passes over their tails, a slice at a time: the part of `worker::topics`.

use openrange::connection::State;
use openrange::subscription::end::End;

use super::disk::Event;
use super::{Fault, World};

/// A followed name and its file. When the name passes to another file, that is another topic.
pub struct Topic {
    pub name: usize,
    pub file: usize,
    /// The name no longer leads to the file, as far as the server knows.
    pub gone: Option<End>,
    pass: Pass,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Idle,
    /// The next tail is the first one with at least this key. `again`: there was news since the pass began.
    From {
        next: usize,
        again: bool,
    },
}

impl Topic {
    /// Whether the tail with this key will be woken.
    pub fn will_wake(&self, key: usize) -> bool {
        match self.pass {
            Pass::Idle => false,
            Pass::From { next, again } => again || next <= key,
        }
    }
}

impl World<'_> {
    /// The topic that a new tail joins.
    pub fn join(&mut self, name: usize, file: usize) -> usize {
        let known = (0..self.topics.len())
            .find(|&key| self.topics[key].name == name && self.is_followed(key));
        match known {
            Some(key) if self.topics[key].file == file => return key,
            Some(key) => self.look_at_name(key),
            None => {}
        }
        self.topics.push(Topic {
            name,
            file,
            gone: None,
            pass: Pass::Idle,
        });
        self.topics.len() - 1
    }

    /// The kernel tells of it.
    pub fn is_followed(&self, key: usize) -> bool {
        let is_tail = |topic: Option<usize>| topic == Some(key);
        self.topics[key].gone.is_none() && self.conns.iter().any(|conn| is_tail(conn.topic))
    }

    /// Takes the next of what the kernel tells.
    pub fn deliver(&mut self) {
        let Some(event) = self.disk.events.pop_front() else {
            return;
        };
        for key in 0..self.topics.len() {
            let Topic { name, file, .. } = self.topics[key];
            if !self.is_followed(key) {
                continue;
            }
            match event {
                Event::Grew(grown) if grown == file => self.pass_anew(key),
                Event::Look(looked) if looked == name => self.look_at_name(key),
                Event::All => self.look_at_name(key),
                _ => {}
            }
        }
    }

    fn look_at_name(&mut self, key: usize) {
        let Topic { name, file, .. } = self.topics[key];
        self.topics[key].gone = match self.disk.forbidden[name] {
            true => Some(End::Broken),
            false => self.disk.left(name, file),
        };
        if self.topics[key].gone.is_some() {
            for conn in self.conns.iter_mut().filter(|conn| conn.topic == Some(key)) {
                if let Some(tail) = &mut conn.client.tail {
                    tail.seen_left = tail.left;
                }
            }
        }
        self.pass_anew(key);
    }

    fn pass_anew(&mut self, key: usize) {
        if self.fault != Fault::StaleMeasure {
            self.disk.forget(self.topics[key].file);
        }
        let forgets = self.fault == Fault::ForgetNewsDuringPass;
        let pass = &mut self.topics[key].pass;
        match pass {
            Pass::Idle => {
                *pass = Pass::From {
                    next: 0,
                    again: false,
                };
            }
            Pass::From { next: 0, .. } => {}
            Pass::From { again, .. } => {
                self.outcomes.insert("news during a pass");
                *again = !forgets;
            }
        }
    }

    /// Goes on with one of the passes.
    pub fn pass_some(&mut self) {
        let under_way = |key: &usize| self.topics[*key].pass != Pass::Idle;
        let under_way: Vec<usize> = (0..self.topics.len()).filter(under_way).collect();
        if under_way.is_empty() {
            return;
        }
        let key = under_way[self.choose(under_way.len() as u64) as usize];
        let slice = 1 + self.choose(2);
        for _ in 0..slice {
            if !self.pass_one(key) {
                return;
            }
        }
    }

    /// A tail is over.
    pub fn leave(&mut self, topic: usize, tail: usize) {
        if let Pass::From { next, .. } = self.topics[topic].pass
            && tail < next
        {
            self.outcomes.insert("tail that left during a pass");
        }
    }

    pub fn passes_are_over(&self) -> bool {
        self.topics.iter().all(|topic| topic.pass == Pass::Idle)
    }

    /// Wakes the next tail of a pass; false at the end of it.
    fn pass_one(&mut self, topic: usize) -> bool {
        let Pass::From { next, again } = self.topics[topic].pass else {
            return false;
        };
        let mut tails = (0..self.conns.len()).filter(|&key| self.conns[key].topic == Some(topic));
        let (tail, next) = if self.fault == Fault::PassByPosition {
            (tails.nth(next), next + 1)
        } else {
            let tail = tails.find(|&key| key >= next);
            (tail, tail.map_or(0, |key| key + 1))
        };
        if let Some(key) = tail {
            self.topics[topic].pass = Pass::From { next, again };
            self.wake(key, self.topics[topic].gone);
            return true;
        }
        self.topics[topic].pass = Pass::Idle;
        if again {
            self.pass_anew(topic);
        }
        false
    }

    fn wake(&mut self, key: usize, gone: Option<End>) {
        let (now, fault) = (self.now, self.fault);
        if gone.is_none() && fault != Fault::IgnoreChanges && self.share(key) {
            return;
        }
        let conn = &mut self.conns[key];
        if !conn.machine().is_tail() {
            return;
        }
        let sending = matches!(conn.machine().state(), State::SendingRange(_));
        conn.due |= match gone {
            None if fault == Fault::IgnoreChanges => false,
            None if sending && fault == Fault::ForgetChangeWhileSending => false,
            None => conn.machine().changed(),
            Some(End::Broken) => {
                conn.fell_short(now);
                self.outcomes.insert("directory that became unreadable");
                true
            }
            Some(why) => {
                let tail = conn.client.tail.as_mut().expect("a tail");
                let promised = tail.seen_left.unwrap_or(0);
                tail.told.get_or_insert((why, promised));
                if sending && fault == Fault::ForgetGoneWhileSending {
                    false
                } else {
                    conn.machine().name_lost(0, why)
                }
            }
        };
    }
}
