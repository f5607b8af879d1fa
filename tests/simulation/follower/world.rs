//! A follower, an origin, and what happens between them. The judge knows every byte that was ever written.

use std::collections::BTreeSet;

use openrange::client::exchange::Need;
use openrange::client::follower::{Follower, Link, Outcome, Task};
use openrange::client::lines::Batching;
use openrange::client::position::Position;
use openrange::client::requests::Requests;
use openrange::client::settings::{From, OnGap, Settings, Until};
use openrange::time::Moment;

use std::time::Duration;

use super::Fault;
use super::origin::{Origin, Serving};

const LATE: u64 = 5000;
const LINKS: [Link; 2] = [Link::Main, Link::Late];

pub struct World<'a> {
    choose: &'a mut dyn FnMut(u64) -> u64,
    fault: Fault,
    now: u64,
    origin: Origin,
    up: bool,
    settings: Settings,
    follower: Follower,
    links: [Option<Serving>; 2],
    /// The state file.
    disk: Option<String>,
    /// A position that is being saved.
    saving: Option<Position>,
    /// What was handed over: generation, bytes of each.
    sink: Vec<(usize, usize)>,
    /// The last byte of the log that went out.
    last: Option<u8>,
    reports: Vec<String>,
    ended: Option<Outcome>,
    /// The first generation that counts, and from where on.
    first: Option<usize>,
    /// No false alarms: nothing is ever gone.
    lossless: bool,
    weights: [u64; 16],
    lines: u64,
    pub outcomes: BTreeSet<&'static str>,
    calm: bool,
    stopping: bool,
}

/// Runs a history.
pub fn run(choose: &mut dyn FnMut(u64) -> u64, fault: Fault) -> BTreeSet<&'static str> {
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
    let mut weights = [0; 16];
    // Swarm: each history has its own mixture.
    weights
        .iter_mut()
        .for_each(|weight| *weight = choose(4) * choose(5));
    let mut origin = Origin::new(fault);
    if choose(4) != 0 {
        origin.create();
    }
    let now = 1_000_000;
    let mut world = World {
        follower: Follower::new(settings.clone(), None, Moment(now)),
        choose,
        fault,
        now,
        origin,
        up: true,
        settings,
        links: [None, None],
        disk: None,
        saving: None,
        sink: Vec::new(),
        last: None,
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
        let total: u64 = self.weights.iter().sum::<u64>() + 8;
        let mut pick = self.choose(total);
        let mut action = 0;
        while action < 16 && pick >= self.weights[action] {
            pick -= self.weights[action];
            action += 1;
        }
        match action {
            0 | 1 | 16 => self.append(),
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
            _ => {
                let far = self.choose(20) == 0;
                let passed = self.choose(if far { 8000 } else { 300 });
                self.pass(passed);
            }
        }
    }

    fn pass(&mut self, passed: u64) {
        self.now += passed;
    }

    fn append(&mut self) {
        let Some(file) = self.origin.current else {
            return self.origin.create();
        };
        if self.origin.files[file].sealed {
            return;
        }
        for _ in 0..=self.choose(3) {
            let line = self.line();
            let torn = self.chance(6);
            let bytes = &mut self.origin.files[file].bytes;
            bytes.extend_from_slice(line.as_bytes());
            if !torn {
                bytes.push(b'\n');
            }
        }
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        let long = self.choose(30) as usize;
        format!("{}{}", self.lines, "x".repeat(long))
    }

    /// A writer that has not reopened its log yet: whole lines, soon after the roll.
    fn append_late(&mut self) {
        let earliest = self.now.saturating_sub(LATE / 2);
        let young = |file: &usize| {
            let file = &self.origin.files[*file];
            file.at_end.is_some()
                && file.ended_at >= earliest
                && file.gone.is_none()
                && !file.sealed
        };
        let young: Vec<usize> = (0..self.origin.files.len()).filter(young).collect();
        if let Some(&file) = young.last() {
            let line = self.line();
            let bytes = &mut self.origin.files[file].bytes;
            if bytes.last().is_some_and(|&byte| byte != b'\n') {
                return;
            }
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            self.outcomes.insert("late line");
        }
    }

    fn roll(&mut self) {
        self.origin.leave(None, self.now);
        if !self.chance(4) {
            self.origin.create();
        }
    }

    /// Whether the follower has a tail of the current file that will bring everything.
    fn is_live(&self) -> bool {
        let tail = self.links[0].as_ref().and_then(|serving| serving.tail);
        tail.map(|(file, _)| Some(file)) == Some(self.origin.current)
    }

    fn unlink(&mut self) {
        if self.lossless {
            return;
        }
        let live = self.is_live();
        self.origin.leave(Some("gone"), self.now);
        if live {
            self.outcomes.insert("unlinked while it was tailed");
        }
        if !self.chance(4) {
            self.origin.create();
        }
    }

    fn seal(&mut self) {
        if let Some(file) = self.origin.current {
            self.origin.files[file].sealed = true;
            self.outcomes.insert("sealed");
        }
    }

    fn truncate(&mut self) {
        if !self.lossless && self.origin.current.is_some() {
            self.origin.leave(Some("truncated"), self.now);
            self.origin.create();
            self.outcomes.insert("truncated");
        }
    }

    fn delete_oldest(&mut self) {
        if self.lossless {
            return;
        }
        let there = |file: &usize| self.origin.files[*file].gone.is_none();
        let oldest = (0..self.origin.files.len()).find(there);
        if let Some(file) = oldest.filter(|&file| self.origin.current != Some(file)) {
            self.origin.files[file].gone = Some("gone");
            self.outcomes.insert("deleted");
        }
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
            return;
        }
        let graceful = self.chance(2);
        for link in 0..2 {
            match &mut self.links[link] {
                Some(serving) if graceful => self.origin.shut_down(serving),
                _ => self.hang_up(link),
            }
        }
        self.outcomes
            .insert(if graceful { "shutdown" } else { "crash" });
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
        let handed: usize = self.sink.iter().map(|(_, bytes)| bytes).sum();
        let before = handed;
        self.resume();
        let handed: usize = self.sink.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(handed, before, "repeats after a normal exit: {position:?}");
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
            None => assert!(
                self.sink.iter().all(|(_, bytes)| *bytes == 0),
                "handed over before the first save"
            ),
            Some(position) => self.rewind(position),
        }
        self.links = [None, None];
        self.follower = Follower::new(self.settings.clone(), position, Moment(self.now));
    }

    fn rewind(&mut self, position: &Position) {
        let mut places = position.late.clone();
        places.extend(position.generation.map(|tag| (tag, position.offset)));
        let current = position.generation.and_then(|tag| self.origin.by_tag(tag));
        for (file, bytes) in &mut self.sink {
            let tag = self.origin.files[*file].tag;
            let place = places.iter().find(|(known, _)| *known == tag);
            let kept = match place {
                Some((_, offset)) => *offset as usize,
                None if current.is_none_or(|current| *file > current) => 0,
                None => *bytes,
            };
            assert!(kept <= *bytes, "the state is ahead of what was handed over");
            *bytes = kept;
        }
        let before = position.offset.checked_sub(1);
        self.last = current
            .zip(before)
            .map(|(file, at)| self.origin.files[file].bytes[at as usize]);
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
            self.tasks();
            for link in 0..2 {
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
                self.links[link] = Some(Serving::default());
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
        self.origin.serve(serving, limit);
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
        match self.follower.task() {
            Task::None => return false,
            Task::Report(line) => {
                self.reports.push(line.to_owned());
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
                let file = self
                    .origin
                    .by_tag(offered.generation)
                    .expect("a generation that there never was");
                let offset = offered.offset as usize;
                self.take(file, offset, &bytes);
                let told = match self.fault {
                    Fault::TellLess if count > 3 && !whole => count - 1,
                    _ => count,
                };
                self.follower.handed_over(told);
            }
            Task::Finish(outcome) => {
                self.ended = Some(outcome.clone());
                return false;
            }
        }
        true
    }

    fn take(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        assert!(
            self.disk.is_some(),
            "handed over before the state was saved"
        );
        if self.sink.iter().all(|(known, _)| *known != file) {
            self.sink.push((file, 0));
        }
        let newest = self.sink.iter().map(|(known, _)| *known).max();
        let is_late = newest != Some(file);
        let at_end = self.origin.files[file].at_end.unwrap_or(usize::MAX);
        assert!(
            !is_late || offset >= at_end,
            "generation {file} from {offset} of {at_end} behind a later one: {:?}, {:?}",
            self.sink,
            self.reports
        );
        let (_, handed) = self
            .sink
            .iter_mut()
            .find(|(known, _)| *known == file)
            .expect("just added");
        assert_eq!(
            offset, *handed,
            "generation {file}: bytes repeated or left out"
        );
        let written = &self.origin.files[file].bytes;
        assert!(
            written.get(offset..offset + bytes.len()) == Some(bytes),
            "other bytes than were written"
        );
        if is_late {
            let begins_line = offset == 0 || written[offset - 1] == b'\n';
            // The end of a generation ends its last line.
            let position = self.follower.position();
            let begun = position.offset > 0 && !position.ended && self.origin.current == newest;
            let between = self.last.is_none_or(|last| last == b'\n') || !begins_line || !begun;
            assert!(
                self.settings.batching.is_some() || between,
                "a late line within another one: {file} from {offset}, {:?}, position {:?}",
                self.sink,
                self.follower.position()
            );
            self.outcomes.insert("late line between others");
        } else {
            self.last = bytes.last().copied();
        }
        *handed += bytes.len();
    }

    /// Nothing happens any more, but time passes.
    fn settle(&mut self) {
        (self.calm, self.up) = (true, true);
        if self.origin.current.is_none() {
            self.origin.create();
        }
        // A late line waits for the end of the line that is being written.
        let current = self.origin.current.map(|file| &mut self.origin.files[file]);
        if let Some(file) = current.filter(|file| !file.sealed) {
            file.bytes.push(b'\n');
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
        let last = self.origin.files.last().expect("a file");
        let end = last.bytes.len() as u64;
        position.generation == Some(last.tag) && position.offset == end && position.late.is_empty()
    }

    fn judge(&mut self) {
        let lost = self.reports.iter().any(|line| line.contains("is lost"));
        let gone = self.origin.files.iter().any(|file| file.gone.is_some());
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
        let last = self.origin.files.len() - 1;
        assert_eq!(
            position.generation,
            Some(self.origin.files[last].tag),
            "it stays behind: {:?} {:?}",
            position,
            self.reports
        );
        if lost {
            return;
        }
        for file in first..=last {
            let handed = self
                .sink
                .iter()
                .find(|(known, _)| *known == file)
                .map_or(0, |(_, bytes)| *bytes);
            let known = &self.origin.files[file];
            // Nobody can tell of a file that came and went while nobody looked.
            let unknowable = known.gone.is_some() && handed == 0;
            let required = match known.gone {
                None if file == last && self.settings.batching.is_some() && !known.sealed => {
                    let end = known.bytes.iter().rposition(|&byte| byte == b'\n');
                    end.map_or(0, |end| end + 1)
                }
                None => known.bytes.len(),
                Some(_) if unknowable => 0,
                Some(_) => known.at_end.unwrap_or(0).min(known.bytes.len()),
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
        if self.sink.len() > 3 {
            self.outcomes.insert("several generations");
        }
    }
}
