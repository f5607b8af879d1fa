//! A follower, an origin, and what happens between them. The judge knows every byte that was ever written.

use std::collections::BTreeSet;

use openrange::client::exchange::Need;
use openrange::client::follower::{Follower, Link, Outcome, Task};
use openrange::client::lines::Batching;
use openrange::client::position::Position;
use openrange::client::requests::Requests;
use openrange::client::settings::{From, OnGap, Settings, Until};
use openrange::http::conditional::ETag;
use openrange::time::Moment;

use std::time::Duration;

use super::Fault;
use super::directory::{AWAY, LOG};
use super::origin::{Kind, Origin, Serving};
use super::rolls::{Names, Plan, Step};
use super::server::{Conn, Server, Turn};
use super::sink::Sink;

const LATE: u64 = 5000;
const LINKS: [Link; 3] = [Link::Main, Link::Late, Link::LateTail];
/// Kinds of things that happen; the last ones only in the directory of the real machine.
const WEIGHTS: usize = 21;
const NAIVE_WEIGHTS: usize = 16;

pub struct World<'a> {
    choose: &'a mut dyn FnMut(u64) -> u64,
    fault: Fault,
    now: u64,
    origin: Origin,
    /// The real machine, if it is the server.
    server: Option<Server>,
    names: Names,
    /// A roll that is under way.
    plan: Plan,
    up: bool,
    settings: Settings,
    follower: Follower,
    links: [Option<Serving>; 3],
    /// The state file.
    disk: Option<String>,
    /// A position that is being saved.
    saving: Option<Position>,
    sink: Sink,
    reports: Vec<String>,
    ended: Option<Outcome>,
    /// The first generation that counts, and from where on.
    first: Option<usize>,
    /// No false alarms: nothing is ever gone.
    lossless: bool,
    weights: [u64; WEIGHTS],
    lines: u64,
    pub outcomes: BTreeSet<&'static str>,
    calm: bool,
    stopping: bool,
}

/// Runs a history. `real`: the server is the machine of the product.
pub fn run(choose: &mut dyn FnMut(u64) -> u64, fault: Fault, real: bool) -> BTreeSet<&'static str> {
    let lossless = choose(3) != 0;
    let batching = (choose(3) == 0).then(|| Batching {
        bytes: 1 + choose(60) as usize,
        linger: Duration::from_millis(choose(300)),
    });
    let settings = Settings {
        requests: Requests::new("/log", "origin", ""),
        from: From::Start,
        on_gap: [OnGap::Fail, OnGap::Oldest, OnGap::Latest][choose(3) as usize],
        late: Duration::from_millis(LATE),
        fail: false,
        until: Until::Stopped,
        batching,
    };
    let mut weights = [0; WEIGHTS];
    let kinds = if real { WEIGHTS } else { NAIVE_WEIGHTS };
    // Swarm: each history has its own mixture.
    weights[..kinds]
        .iter_mut()
        .for_each(|weight| *weight = choose(4) * choose(5));
    let server = real.then(|| Server::new(choose(2) == 0, fault));
    let names = [Names::Numbered, Names::Dated][choose(2) as usize];
    let now = 1_000_000;
    let mut origin = Origin::new(fault);
    if choose(4) != 0 {
        origin.create(now);
    }
    let mut world = World {
        follower: Follower::new(settings.clone(), None, Moment(now)),
        choose,
        fault,
        now,
        origin,
        server,
        names,
        plan: Plan::new(),
        up: true,
        settings,
        links: [None, None, None],
        disk: None,
        saving: None,
        sink: Sink::default(),
        reports: Vec::new(),
        ended: None,
        first: None,
        lossless,
        weights,
        lines: 0,
        outcomes: BTreeSet::new(),
        calm: false,
        stopping: false,
    };
    let steps = 30 + world.choose(150);
    for _ in 0..steps {
        world.step();
        world.drive();
    }
    world.settle();
    world.judge();
    world.outcomes
}

impl World<'_> {
    fn choose(&mut self, below: u64) -> u64 {
        (self.choose)(below)
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.choose(one_in) == 0
    }

    /// Something happens in the world.
    fn step(&mut self) {
        if self.server.is_some() {
            // Of what happens at the same time nobody can tell what came first.
            self.now += 1;
            if self.chance(2) {
                self.take_steps(1);
            }
        }
        // This shows only if a roll comes while the server looks at the directory,
        if self.fault == Fault::SearchTornLooks && self.chance(2) {
            return self.roll();
        }
        // this only if the log is written over while nobody follows it,
        if self.fault == Fault::IgnoreCheck && self.chance(10) {
            (0..LINKS.len()).for_each(|link| self.hang_up(link));
            return self.truncate();
        }
        // and this only if the rest is gone before anybody can read it.
        if self.fault == Fault::EndEarly && self.chance(8) {
            self.append();
            return self.unlink();
        }
        let total: u64 = self.weights.iter().sum::<u64>() + 8;
        let mut pick = self.choose(total);
        let mut action = 0;
        while action < WEIGHTS && pick >= self.weights[action] {
            pick -= self.weights[action];
            action += 1;
        }
        super::trace(|| format!("{} action {action}", self.now));
        match action {
            0 | 1 | WEIGHTS => self.append(),
            2 => self.append_late(),
            3 | 4 => self.roll(),
            5 => self.unlink(),
            6 => self.seal(),
            7 => self.truncate(),
            8 => self.delete_oldest(),
            9 => self.cut(),
            10 => self.restart_server(),
            11 => self.kill_follower(),
            12 => self.stop_follower(),
            16 => self.roll_by_copy(),
            17 => self.compress(),
            18 => self.rename_away(),
            19 => self.overflow(),
            20 => self.roll(),
            _ => {
                let far = self.choose(20) == 0;
                let passed = self.choose(if far { 8000 } else { 300 });
                self.pass(passed);
            }
        }
    }

    fn pass(&mut self, passed: u64) {
        // Rolls take no time to speak of.
        self.now += if self.plan.is_empty() {
            passed
        } else {
            passed.min(5)
        };
    }

    fn append(&mut self) {
        let Some(file) = self.origin.current else {
            return self.origin.create(self.now);
        };
        if self.origin.files[file].sealed {
            return;
        }
        for _ in 0..=self.choose(3) {
            let line = self.line();
            let torn = self.chance(6);
            let line = if torn { line } else { line + "\n" };
            self.origin.write(file, line.as_bytes(), self.now);
        }
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        let long = self.choose(30) as usize;
        // Each file has a letter of its own, so that what is before a place tells them apart.
        let letter = b'a' + (self.origin.files.len() % 26) as u8;
        let letter = char::from(letter).to_string();
        format!("{letter}{}{}", self.lines, letter.repeat(long))
    }

    /// A writer that has not reopened its log yet: whole lines, soon after the roll.
    fn append_late(&mut self) {
        let earliest = self.now.saturating_sub(LATE / 2);
        let young = |file: &usize| {
            let file = &self.origin.files[*file];
            file.kind == Kind::Log
                && file.at_end.is_some()
                && file.ended_at >= earliest
                && file.gone.is_none()
                && !file.sealed
        };
        let young: Vec<usize> = (0..self.origin.files.len()).filter(young).collect();
        if let Some(&file) = young.last() {
            let line = self.line();
            let bytes = &self.origin.files[file].bytes;
            if bytes.last().is_some_and(|&byte| byte != b'\n') {
                return;
            }
            let line = line + "\n";
            self.origin.write(file, line.as_bytes(), self.now);
            self.outcomes.insert("late line");
        }
    }

    fn roll(&mut self) {
        if self.server.is_some() {
            self.take_steps(usize::MAX);
            if self.origin.current.is_none() {
                return self.origin.create(self.now);
            }
            let plan = self.names.roll(&self.origin, self.now);
            let creates = !self.chance(4);
            return self.plan_roll(plan, creates);
        }
        self.origin.leave(None, self.now);
        if !self.chance(4) {
            self.origin.create(self.now);
        }
    }

    /// A roll begins, after the one that was under way.
    fn plan_roll(&mut self, plan: Plan, creates: bool) {
        self.plan = plan;
        if creates {
            self.plan.push_back(Step::Create);
        }
        let at_once = match self.choose(3) {
            0 => self.choose(4) as usize,
            _ => usize::MAX,
        };
        self.take_steps(at_once);
    }

    fn take_steps(&mut self, count: usize) {
        for _ in 0..count {
            let Some(step) = self.plan.pop_front() else {
                return;
            };
            if let Some(inode) = self.origin.take(step, self.now) {
                self.truncated(inode);
            }
        }
    }

    fn truncated(&mut self, inode: usize) {
        let mut server = self.server.take().expect("the real machine");
        server.truncated(&mut self.turn(), inode);
        self.server = Some(server);
        let file = self.origin.directory.inodes[inode].file;
        self.origin.files[file].tag = self.origin.directory.tag(inode);
    }

    fn roll_by_copy(&mut self) {
        if !self.lossless && self.origin.current.is_some() {
            self.take_steps(usize::MAX);
            let plan = self.names.copy_and_truncate(&self.origin, self.now);
            self.plan_roll(plan, false);
            self.outcomes.insert("copied and truncated");
        }
    }

    /// One of the earlier files.
    fn some_earlier(&mut self) -> Option<String> {
        let names = self.origin.directory.names.keys();
        let earlier: Vec<String> = names
            .filter(|name| *name != LOG && !name.ends_with(".gz"))
            .cloned()
            .collect();
        let count = earlier.len() as u64;
        (count > 0).then(|| earlier[self.choose(count) as usize].clone())
    }

    fn compress(&mut self) {
        if self.lossless {
            return;
        }
        self.take_steps(usize::MAX);
        if let Some(name) = self.some_earlier() {
            self.plan = Plan::from([Step::Compress(name.clone()), Step::Unlink(name)]);
            let at_once = self.choose(3) as usize;
            self.take_steps(at_once);
            self.outcomes.insert("compressed");
        }
    }

    /// The file goes where only those look who have seen it.
    fn rename_away(&mut self) {
        if self.lossless {
            return;
        }
        self.take_steps(usize::MAX);
        if let Some(file) = self.origin.current {
            let away = format!("{AWAY}{file}");
            let rename = Step::Rename(LOG.to_owned(), away);
            let creates = !self.chance(4);
            self.plan_roll(Plan::from([rename]), creates);
            self.outcomes.insert("renamed to another name");
        }
    }

    fn overflow(&mut self) {
        self.origin.directory.overflow();
        self.outcomes.insert("events lost");
    }

    /// Whether the follower has a tail of the current file that will bring everything.
    fn is_live(&self) -> bool {
        let Some(serving) = &self.links[0] else {
            return false;
        };
        match (&serving.conn, serving.tail) {
            (Some(conn), _) => conn.is_live(),
            (None, tail) => tail.map(|(file, _)| Some(file)) == Some(self.origin.current),
        }
    }

    fn unlink(&mut self) {
        if self.lossless {
            return;
        }
        let live = self.is_live();
        match self.server {
            Some(_) => {
                self.origin.take(Step::Unlink(LOG.to_owned()), self.now);
            }
            None => self.origin.leave(Some("gone"), self.now),
        }
        if live {
            self.outcomes.insert("unlinked while it was tailed");
        }
        if !self.chance(4) && self.origin.current.is_none() {
            self.origin.create(self.now);
        }
    }

    fn seal(&mut self) {
        if let Some(file) = self.origin.current {
            self.origin.seal(file);
            self.outcomes.insert("sealed");
        }
    }

    fn truncate(&mut self) {
        if self.lossless || self.origin.current.is_none() {
            return;
        }
        match self.server {
            Some(_) => {
                let inode = self
                    .origin
                    .current
                    .map(|file| self.origin.files[file].inode);
                let size = inode.map_or(0, |inode| self.origin.content(inode).bytes.len());
                if let Some(inode) = self.origin.truncate(self.now) {
                    self.truncated(inode);
                }
                // It has grown beyond what it was before anybody looks again.
                let grown = if self.chance(2) { size } else { 0 };
                while inode.is_some_and(|inode| self.origin.content(inode).bytes.len() < grown) {
                    self.append();
                }
            }
            None => {
                self.origin.leave(Some("truncated"), self.now);
                self.origin.create(self.now);
            }
        }
        self.outcomes.insert("truncated");
    }

    fn delete_oldest(&mut self) {
        if self.lossless {
            return;
        }
        let there = |file: &usize| self.origin.files[*file].gone.is_none();
        let oldest = (0..self.origin.files.len()).find(there);
        let Some(file) = oldest.filter(|&file| self.origin.current != Some(file)) else {
            return;
        };
        if self.server.is_some() {
            let inode = self.origin.files[file].inode;
            let name = self.origin.directory.name_of(inode).expect("a name");
            self.origin.take(Step::Unlink(name.to_owned()), self.now);
        }
        self.origin.files[file].gone = Some("gone");
        self.outcomes.insert("deleted");
    }

    /// A connection breaks.
    fn cut(&mut self) {
        let link = self.choose(2) as usize;
        self.hang_up(link);
        self.outcomes.insert("connection lost");
    }

    fn hang_up(&mut self, link: usize) {
        if self.links[link].take().is_some() && self.fault != Fault::ForgetHangUp {
            let exchange = self.follower.exchange(LINKS[link]);
            exchange.broken("reset".into());
            exchange.disconnected();
        }
    }

    fn restart_server(&mut self) {
        self.up = !self.up;
        if self.up {
            return self.start_server();
        }
        let graceful = self.chance(2);
        for link in 0..LINKS.len() {
            match &mut self.links[link] {
                Some(serving) if graceful => match &mut serving.conn {
                    Some(conn) => conn.drain(Moment(self.now)),
                    None => self.origin.shut_down(serving),
                },
                _ => self.hang_up(link),
            }
        }
        self.outcomes
            .insert(if graceful { "shutdown" } else { "crash" });
    }

    fn start_server(&mut self) {
        if let Some(server) = &mut self.server {
            server.restart(&mut self.origin);
            // The time that the one before had to end is over.
            for link in 0..LINKS.len() {
                self.hang_up(link);
            }
        }
    }

    fn turn(&mut self) -> Turn<'_> {
        Turn {
            choose: self.choose,
            calm: self.calm,
            now: Moment(self.now),
            origin: &mut self.origin,
            links: &mut self.links,
        }
    }

    /// The server does what it can.
    fn serve(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.turn(&mut self.turn());
            self.server = Some(server);
        }
    }

    fn kill_follower(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if self.fault == Fault::StaleState && self.chance(2) {
            self.disk = None;
        }
        self.resume();
        self.outcomes.insert("killed");
    }

    fn stop_follower(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.follower.stop();
        self.stopping = true;
        for _ in 0..8 {
            self.finish_saving();
            self.tasks();
        }
        self.stopping = false;
        if matches!(self.ended, Some(Outcome::Gap(_))) {
            return;
        }
        assert_eq!(
            self.ended.take(),
            Some(Outcome::Success),
            "it does not stop"
        );
        let position = self
            .disk
            .as_ref()
            .map(|text| Position::from_json(text.as_bytes()).unwrap().1);
        let place = |position: &Position| (position.generation, position.offset);
        let saved = position.as_ref().map(place);
        assert!(
            saved.is_none_or(|saved| saved == place(&self.follower.position())),
            "stopped before the position was saved"
        );
        let before = self.sink.bytes();
        self.resume();
        let handed = self.sink.bytes();
        // A file that begins anew under the same tag is handed over once more.
        assert!(
            handed == before || !self.lossless,
            "repeats after a normal exit: {position:?}"
        );
        self.outcomes.insert("stopped");
    }

    /// A new follower goes on at the state on disk. What was handed over behind that comes again: the sink forgets it.
    fn resume(&mut self) {
        self.saving = None;
        let position = self
            .disk
            .as_ref()
            .map(|text| Position::from_json(text.as_bytes()).expect("a state").1);
        match &position {
            None => assert!(self.sink.bytes() == 0, "handed over before the first save"),
            Some(position) => self.sink.rewind(position, &self.origin),
        }
        self.links = [None, None, None];
        self.follower = Follower::new(self.settings.clone(), position, Moment(self.now));
    }

    fn finish_saving(&mut self) {
        if let Some(position) = self.saving.take() {
            let mut position = position;
            match self.fault {
                Fault::ForgetLate => position.late.clear(),
                Fault::SaveAhead => position.offset += 1,
                _ => {}
            }
            if self.first.is_none() {
                self.first = position.generation.and_then(|tag| self.origin.by_tag(tag));
            }
            if self.fault != Fault::LoseSave || self.disk.is_none() {
                self.disk = Some(position.to_json("http://origin/log"));
            }
            self.follower.saved();
        }
    }

    /// Both sides do what they can.
    fn drive(&mut self) {
        for _ in 0..4 {
            let now = if self.fault == Fault::StopClock {
                1_000_000
            } else {
                self.now
            };
            self.follower.run(Moment(now));
            if self.calm || self.chance(2) {
                self.finish_saving();
            }
            self.serve();
            self.tasks();
            for link in 0..LINKS.len() {
                if link == 0 || self.fault != Fault::IgnoreLate {
                    self.exchange(link);
                }
            }
        }
    }

    fn exchange(&mut self, link: usize) {
        if self.ended.is_some() {
            return;
        }
        let limit = if self.calm {
            4096
        } else {
            1 + self.choose(200) as usize
        };
        let which = LINKS[link];
        match self.follower.exchange(which).need() {
            Need::Rest => {}
            Need::Disconnect => {
                self.links[link] = None;
                self.follower.exchange(which).disconnected();
            }
            Need::Connect if self.up => {
                let conn = self.server.as_ref().map(|_| Conn::new(Moment(self.now)));
                self.links[link] = Some(Serving {
                    conn,
                    ..Serving::default()
                });
                self.follower.connected(which, Moment(self.now));
            }
            Need::Connect => self.follower.exchange(which).broken("refused".into()),
            Need::Send(bytes) => {
                let count = bytes.len().min(limit);
                let sent = bytes[..count].to_vec();
                let Some(serving) = &mut self.links[link] else {
                    return;
                };
                serving.inbound.extend(sent);
                self.follower.exchange(which).sent(count);
            }
            Need::Receive => self.receive(link, limit),
        }
    }

    fn receive(&mut self, link: usize, limit: usize) {
        let Some(serving) = &mut self.links[link] else {
            return;
        };
        if serving.conn.is_none() {
            self.origin.serve(serving, limit);
        }
        let exchange = self.follower.exchange(LINKS[link]);
        let space = exchange.space();
        let count = serving.outbound.len().min(limit).min(space.len());
        for (place, byte) in space.iter_mut().zip(serving.outbound.drain(..count)) {
            *place = byte;
        }
        exchange.filled(count);
        if self.fault == Fault::DropSegment && count > 150 {
            serving.outbound.drain(..serving.outbound.len().min(5));
        }
        if serving.closed && serving.outbound.is_empty() {
            self.hang_up(link);
        }
    }

    fn tasks(&mut self) {
        for _ in 0..20 {
            if self.ended.is_some() || !self.task() {
                return;
            }
            let now = if self.fault == Fault::StopClock {
                1_000_000
            } else {
                self.now
            };
            self.follower.run(Moment(now));
        }
    }

    fn task(&mut self) -> bool {
        let most = if self.calm {
            4096
        } else {
            (self.choose)(40) as usize
        };
        let task = self.follower.task();
        if task != Task::None {
            super::trace(|| format!("  {task:?}"));
        }
        match task {
            Task::None => return false,
            Task::Report(line) => {
                let line = line.to_owned();
                self.told(&line);
                if line.contains("is lost") {
                    self.sink.pass_gap(self.settings.on_gap == OnGap::Oldest);
                }
                self.reports.push(line);
                self.follower.reported();
            }
            Task::Save(position) => {
                assert!(self.saving.is_none(), "two saves at a time");
                self.saving = Some(position);
                self.follower.saving();
            }
            Task::HandOver(offered) => {
                let whole = self.settings.batching.is_some();
                if whole && most % 3 == 0 {
                    // The command failed.
                    if self.stopping {
                        self.follower.handed_over(0);
                    }
                    return self.stopping;
                }
                let count = if whole {
                    offered.bytes.len()
                } else {
                    offered.bytes.len().min(most)
                };
                if count == 0 {
                    return false;
                }
                let bytes = offered.bytes[..count].to_vec();
                let (tag, offset) = (offered.generation, offered.offset as usize);
                self.take(tag, offset, &bytes);
                let told = match self.fault {
                    Fault::TellLess if count > 3 && !whole => count - 1,
                    _ => count,
                };
                self.follower.handed_over(told);
            }
            Task::Finish(outcome) => {
                let outcome = outcome.clone();
                if let Outcome::Gap(line) = &outcome {
                    self.told(line);
                }
                self.ended = Some(outcome);
                return false;
            }
        }
        true
    }

    /// What was handed over is not lost because it is compressed, unless its late lines make it look like a later one, or
    /// a file that is taken for an earlier one leads back to it. Behind a gap older files may come.
    fn told(&self, line: &str) {
        if self.reports.iter().any(|line| line.contains("is lost")) {
            return;
        }
        let position = self.follower.position();
        let copy = position
            .generation
            .and_then(|tag| self.origin.by_tag(tag))
            .filter(|_| line.contains("is left only as a compressed copy"));
        if let Some(Kind::Compressed(file)) = copy.map(|copy| self.origin.files[copy].kind) {
            let known = &self.origin.files[file];
            let handed = self.sink.of(file);
            let count = self.origin.files.len();
            assert!(
                handed < known.bytes.len()
                    || known.bytes.is_empty()
                    || self.origin.looks_younger(file)
                    || (0..count).any(|other| self.origin.is_taken_for_another(other)),
                "generation {file} was handed over before it was compressed: {line}"
            );
        }
    }

    fn take(&mut self, tag: ETag, offset: usize, bytes: &[u8]) {
        assert!(
            self.disk.is_some(),
            "handed over before the state was saved"
        );
        let lines = self.settings.batching.is_some();
        let position = self.follower.position();
        let late = self
            .sink
            .take(&self.origin, tag, offset, bytes, &position, lines);
        if late {
            self.outcomes.insert("late line between others");
        }
    }

    /// Nothing happens any more, but time passes.
    fn settle(&mut self) {
        if !std::mem::replace(&mut self.up, true) {
            self.start_server();
        }
        self.calm = true;
        self.take_steps(usize::MAX);
        if self.origin.current.is_none() {
            self.origin.create(self.now);
        }
        // A late line waits for the end of the line that is being written.
        let current = self.origin.current.expect("a file");
        if !self.origin.files[current].sealed {
            self.origin.write(current, b"\n", self.now);
        }
        for _ in 0..400 {
            self.pass(250);
            for _ in 0..4 {
                self.drive();
            }
            if self.ended.is_some() || self.is_done() {
                return;
            }
        }
    }

    /// Whether the follower has nothing left to do.
    fn is_done(&self) -> bool {
        let position = self.follower.position();
        let last = &self.origin.files[self.origin.current.expect("a file")];
        let end = last.bytes.len() as u64;
        let is_in = position.generation.is_some_and(|tag| last.has_had(tag));
        let is_there = is_in && position.offset == end;
        is_there && position.late.is_empty() && self.saving.is_none()
    }

    fn judge(&mut self) {
        let lost = self.reports.iter().any(|line| line.contains("is lost"));
        let gone = self.origin.skipped_a_number
            || self.origin.files.iter().any(|file| file.gone.is_some());
        match &self.ended {
            Some(Outcome::Gap(_)) => {
                assert!(gone, "a gap where there is none: {:?}", self.ended);
                self.outcomes.insert("gap");
                return;
            }
            Some(other) => panic!("it ended: {other:?}"),
            None => {}
        }
        assert!(
            gone || !lost,
            "a loss where there is none: {:?}",
            self.reports
        );
        if lost {
            self.outcomes.insert("gap passed");
        }
        let Some(first) = self.first else {
            panic!("it never began");
        };
        let position = self.follower.position();
        let last = self.origin.current.expect("a file");
        // A tail that has delivered nothing yet goes on when its file is truncated.
        let has_had = |tag| self.origin.files[last].has_had(tag);
        assert!(
            position.generation.is_some_and(has_had),
            "it stays behind: {:?} {:?}",
            position,
            self.reports
        );
        if lost {
            return;
        }
        for file in first..=last {
            let handed = self.sink.of(file);
            let known = &self.origin.files[file];
            if known.kind != Kind::Log {
                continue;
            }
            // Nobody can tell of a file that came and went while nobody looked, nor of one whose tag was that of another
            // because the server has forgotten truncations, nor of one that looks younger than it is.
            let is_taken_for_another = self.origin.is_taken_for_another(file);
            let is_hidden = known.gone.is_some() || is_taken_for_another;
            let is_unknown = is_hidden || self.origin.looks_younger(file);
            // Nor how much of the last one there was, once it is gone: the reader has had all of one with that tag.
            let is_mixed_up = is_taken_for_another && known.gone.is_some();
            let unknowable = is_unknown && handed == 0 || is_mixed_up;
            let required = match known.gone {
                None if file == last && self.settings.batching.is_some() && !known.sealed => {
                    let end = known.bytes.iter().rposition(|&byte| byte == b'\n');
                    end.map_or(0, |end| end + 1)
                }
                _ if unknowable => 0,
                None if !is_taken_for_another => known.bytes.len(),
                _ => known.at_end.unwrap_or(0).min(known.bytes.len()),
            };
            assert!(
                handed >= required,
                "generation {file} ({}, {:?} at {}) of {last}: {handed} of {required} bytes, and no word of it; {:?}",
                known.tag,
                known.at_end,
                known.ended_at,
                known.gone
            );
        }
        self.outcomes.insert("everything handed over");
        if self.sink.generations() > 3 {
            self.outcomes.insert("several generations");
        }
    }
}
