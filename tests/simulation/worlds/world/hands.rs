//! What clients and publishers do, at any moment.

use super::disk::{Event, Facts, NAMES};
use super::request::Ask;
use super::{Fault, REQUESTS, ROOMY, World};

/// The clients.
impl World<'_> {
    pub fn ask(&mut self) {
        if let Some(key) = self.one() {
            self.ask_on(key);
        }
    }

    pub fn ask_on(&mut self, key: usize) {
        let client = &self.conns[key].client;
        let malformed = client
            .asks
            .last()
            .is_some_and(|ask| ask.0.refusal().is_some());
        if malformed || client.asks.len() == REQUESTS {
            return;
        }
        // Often one that somebody follows already.
        let name = self.choose(NAMES as u64).min(self.choose(NAMES as u64)) as usize;
        let file = self.disk.names[name];
        let facts = file.map_or_else(Facts::default, |file| self.disk.facts(file));
        let ask = match self.choose(6) {
            0 | 1 => Ask::tail(name),
            2 => Ask::events(&mut |below| (self.choose)(below), name, &facts),
            _ => Ask::any(&mut |below| (self.choose)(below), name, &facts),
        };
        let ahead = self.fault == Fault::AnswerOutOfOrder;
        let client = &mut self.conns[key].client;
        // A request may be put before another one only where that one begins.
        let untouched = client.asks.len() == client.opened + 1;
        client.ask(ask, ahead && untouched);
    }

    pub fn flood(&mut self) {
        if let Some(key) = self.one()
            && self.conns[key].topic.is_some()
            && self.choose(3) == 2
        {
            self.conns[key].client.ask(Ask::flood(), false);
            self.push(key, usize::MAX);
        }
    }

    pub fn send_some(&mut self) {
        if let Some(key) = self.one() {
            let count = self.conns[key].client.to_send.len();
            let count = self.some(count.max(1));
            self.push(key, count);
        }
    }

    pub fn push(&mut self, key: usize, most: usize) {
        let conn = &mut self.conns[key];
        if !conn.fin && !conn.reset {
            let count = most.min(conn.client.to_send.len());
            conn.inbound.extend(conn.client.to_send.drain(..count));
        }
    }

    pub fn take_some(&mut self) {
        if let Some(key) = self.one() {
            let count = [ROOMY, 1, 2, 7, 100, 5000][self.choose(6) as usize];
            let conn = &mut self.conns[key];
            conn.room = (conn.room + count).min(ROOMY);
        }
    }

    pub fn fin(&mut self) {
        if let Some(key) = self.one()
            && self.choose(4) == 3
        {
            self.conns[key].fin = true;
        }
    }

    pub fn reset(&mut self) {
        if let Some(key) = self.one()
            && self.choose(4) == 3
        {
            let conn = &mut self.conns[key];
            conn.reset = true;
            conn.inbound.clear();
        }
    }
}

/// The publishers.
impl World<'_> {
    /// What the kernel would queue, if somebody follows it; the same news is not queued twice.
    pub fn tell(&mut self, event: Event) {
        if let Event::Look(name) = event {
            self.disk.note_heir(name);
        }
        let mut topics = (0..self.topics.len()).filter(|&key| self.is_followed(key));
        let followed = topics.any(|key| match event {
            Event::Grew(file) => file == self.topics[key].file,
            Event::Look(name) => name == self.topics[key].name,
            Event::All => true,
        });
        if followed && !self.disk.events.contains(&event) {
            self.disk.events.push_back(event);
        }
    }

    pub fn some_file(&mut self) -> usize {
        let name = self.choose(NAMES as u64) as usize;
        match self.disk.names[name] {
            Some(file) => file,
            None => self.choose(self.disk.files.len() as u64) as usize,
        }
    }

    pub fn append(&mut self) {
        let file = self.some_file();
        let most = [3, 20, 300][self.choose(3) as usize];
        let count = 1 + self.choose(most) as usize;
        if self.disk.size(file) < 1 << 22 {
            self.disk.append(file, count);
            self.tell(Event::Grew(file));
        }
    }

    pub fn truncate(&mut self) {
        let file = self.some_file();
        let size = self.choose(self.disk.size(file) + 1);
        self.disk.truncate(file, size as usize);
        self.tell(Event::Grew(file));
        if self.choose(2) == 1 {
            self.disk.look_elsewhere(file);
        }
        if self.choose(2) == 1 {
            let count = self.choose(60) as usize;
            self.disk.append(file, count);
        }
    }

    /// One name becomes another, over what that one had.
    pub fn rename(&mut self) {
        let (from, to) = (self.choose(NAMES as u64), self.choose(NAMES as u64));
        let file = self.disk.names[from as usize].take();
        // Often away, to a name that nobody asks for.
        if self.choose(2) == 1 && file.is_some() {
            self.disk.names[to as usize] = file;
            self.tell(Event::Look(to as usize));
        }
        self.tell(Event::Look(from as usize));
    }

    pub fn unlink(&mut self) {
        let name = self.choose(NAMES as u64) as usize;
        self.disk.names[name] = None;
        self.tell(Event::Look(name));
        if self.choose(3) == 2 {
            self.create_as(name);
        }
    }

    /// What was renamed away takes the name again, if that is free.
    pub fn bring_back(&mut self) {
        let name = self.choose(NAMES as u64) as usize;
        let back = self.choose(3) as usize;
        let mut away = (0..self.disk.files.len())
            .rev()
            .filter(|&file| !self.disk.names.contains(&Some(file)));
        if self.disk.names[name].is_none()
            && let Some(file) = away.nth(back)
        {
            self.disk.names[name] = Some(file);
            self.tell(Event::Look(name));
        }
    }

    pub fn create(&mut self) {
        let name = self.choose(NAMES as u64) as usize;
        if self.disk.names[name].is_none() {
            self.create_as(name);
        }
    }

    pub fn create_as(&mut self, name: usize) {
        let file = self.disk.create(name);
        let size = self.choose(30) as usize;
        self.disk.append(file, size);
        self.tell(Event::Look(name));
    }

    pub fn link(&mut self) {
        let (from, to) = (self.choose(NAMES as u64), self.choose(NAMES as u64));
        if self.disk.names[to as usize].is_none() {
            self.disk.names[to as usize] = self.disk.names[from as usize];
            self.tell(Event::Look(to as usize));
        }
    }

    pub fn seal(&mut self) {
        let file = self.some_file();
        self.disk.files[file].sealed = true;
        self.tell(Event::Grew(file));
    }

    /// Nobody is told of this.
    pub fn break_file(&mut self) {
        if self.choose(4) == 3 {
            let file = self.some_file();
            self.disk.files[file].broken ^= true;
        }
    }

    pub fn forbid(&mut self) {
        if self.choose(2) == 1 {
            let name = self.choose(NAMES as u64) as usize;
            self.disk.forbidden[name] ^= true;
        }
    }

    pub fn overflow(&mut self) {
        self.disk.events.clear();
        self.tell(Event::All);
    }
}
