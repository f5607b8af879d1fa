//! The loop of `openrange mirror`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::channel::Channel;
use super::engine::Engine;
use super::flusher::Flusher;
use super::lane::{Job, Lane, Outcome, Refusal};
use super::rule::{End, Rule, Subject};
use super::tree::{Tree, check_before};
use super::watch::Watch;
use crate::client::before::field;
use crate::client::end;
use crate::client::exchange::{Broken, Progress};
use crate::client::in_words;
use crate::client::pace::Pace;
use crate::client::run as follow;
use crate::client::state_file::Unusable;
use crate::client::tls::Trust;
use crate::client::transport::{Transport, Turn};
use crate::client::url::Url;
use crate::limits::{
    CLIENT_REASON_TIMEOUT, MIRROR_LANES, MIRROR_PAGE_MAX, MIRROR_STREAMS, MIRROR_TAILS,
};
use crate::log::stderr;
use crate::os::epoll::{Poll, Token};
use crate::sorted::SortedSet;
use crate::time::Moment;

/// What to mirror, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The file or directory.
    pub url: Url,
    /// Whose certificates are believed, if the URL is one of TLS.
    pub trust: Option<Trust>,
    /// The directory of the copies.
    pub directory: PathBuf,
    /// How.
    pub rule: Rule,
    /// Field lines of all requests, each with its CRLF.
    pub fields: String,
    /// Bytes in a second, at most.
    pub max_rate: Option<u64>,
}

const CONTROL: Token = Token::Slot(0);
const SIGNAL: Token = Token::Slot(1);
const FIRST_LANE: usize = 2;
const FIRST_STREAM: usize = FIRST_LANE + MIRROR_LANES;

/// Mirrors until the end.
///
/// # Errors
/// Of the system, before anything was done.
pub fn run(options: &Options) -> io::Result<end::End> {
    let tree = match Tree::open(&options.directory, &options.url.to_string()) {
        Ok(tree) => tree,
        Err(why) => return Ok(unusable(why, options)),
    };
    let poll = Poll::new()?;
    let stop = Arc::new(AtomicBool::new(false));
    let wake = follow::watch_signals(&stop, &poll, SIGNAL)?;
    let now = follow::now();
    let (server, trust) = (&options.url.server, options.trust.as_ref());
    let transport = |token| Transport::new(server, trust, token, poll.waker());
    let lane = |index| Lane::new(transport(Token::Slot(FIRST_LANE + index)));
    let streams = matches!(options.rule.subject, Subject::Directory(_)) && !options.rule.once;
    let mut driver = Driver {
        options,
        engine: Engine::new(options.rule.clone(), tree, now),
        lanes: (0..MIRROR_LANES).map(lane).collect(),
        control: Channel::new(transport(CONTROL)),
        streams,
        watches: Vec::new(),
        pace: Pace::new(options.max_rate, now),
        flusher: Flusher::new(options.rule.fsync, now)?,
        caught_up: false,
        poll,
    };
    let end = driver.run(&stop);
    drop(wake);
    end
}

fn unusable(why: Unusable, options: &Options) -> end::End {
    match why {
        Unusable::Failed(why) => end::End::Failure(why),
        Unusable::Locked => {
            let directory = options.directory.display();
            end::End::Locked(format!("another mirror uses {directory}"))
        }
    }
}

struct Driver<'a> {
    options: &'a Options,
    engine: Engine,
    lanes: Vec<Lane>,
    control: Channel,
    /// Streams tell of what changes.
    streams: bool,
    watches: Vec<Watch>,
    pace: Pace,
    flusher: Flusher,
    /// It was, and has said so.
    caught_up: bool,
    poll: Poll,
}

impl Driver<'_> {
    fn run(&mut self, stop: &AtomicBool) -> io::Result<end::End> {
        loop {
            let now = follow::now();
            self.list(now);
            self.watch(now);
            self.fetch(now);
            let progress = self.exchange(now);
            for line in self.engine.reports.drain(..) {
                stderr::say(&format!("{}: {line}", self.options.url));
            }
            self.tell_when_caught_up();
            if let Some(end) = self.end(stop) {
                let finished = self.flusher.finish(&self.engine.tree);
                let saved = self.engine.tree.save();
                return match end {
                    // The first failure says more than what follows from it.
                    end::End::Failure(_) => Ok(end),
                    _ => finished.and(saved).map(|()| end),
                };
            }
            self.flusher.run(&self.engine.tree, now)?;
            if !progress {
                self.wait(now)?;
            }
        }
    }

    /// Says once that everything is here: from then on silence means that it still is.
    fn tell_when_caught_up(&mut self) {
        if self.caught_up || self.options.rule.once || !self.is_caught_up() {
            return;
        }
        self.caught_up = true;
        let copies = self.engine.tree.locals();
        let (url, files) = (&self.options.url, copies.len());
        let bytes: u64 = copies.iter().map(|copy| copy.size).sum();
        stderr::say(&format!(
            "{url}: caught up ({files} files, {bytes} bytes); copying what comes"
        ));
    }

    fn is_caught_up(&self) -> bool {
        let fetches = |lane: &Lane| lane.job.is_some() && !lane.is_live();
        !self.control.busy && !self.lanes.iter().any(fetches) && self.engine.is_complete()
    }

    fn end(&mut self, stop: &AtomicBool) -> Option<end::End> {
        let idle = !self.control.busy && self.lanes.iter().all(|lane| lane.job.is_none());
        let complete = self.options.rule.once && idle && self.engine.is_complete();
        let url = &self.options.url;
        match self.engine.end.take() {
            Some(End::Failure(why)) => Some(end::End::Failure(format!("{url}: {why}"))),
            Some(End::Gap(what)) => Some(end::End::Gap(format!("{url}: {what}"))),
            Some(End::Unusable(why)) => Some(unusable(why, self.options)),
            None if stop.load(Ordering::Relaxed) || complete => Some(end::End::Success),
            None => None,
        }
    }

    fn write_request(&self, target: &str, more: &str) -> Vec<u8> {
        let Options { url, fields, .. } = self.options;
        let (host, version) = (&url.host, env!("CARGO_PKG_VERSION"));
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: openrange/{version}\r\n");
        format!("{head}{fields}{more}\r\n").into_bytes()
    }

    /// Asks for a list, if one is due, and takes it.
    fn list(&mut self, now: Moment) {
        self.engine.poll(now);
        self.engine.remove_missing(now);
        if !self.control.busy && self.engine.list_due <= now {
            let target = self.engine.begin_list(now);
            let fields = "Accept: application/json\r\n";
            let request = target.map(|target| self.write_request(&target, fields));
            if let Some(request) = request {
                self.control.request(request, now);
            }
        }
        if self.control.timeout <= now {
            self.control.exchange.abandon();
            self.control.over();
            return match self.control.status {
                0 | 200 => self
                    .engine
                    .list_failed("no response within 60 s".into(), now),
                // The body that says why does not end.
                status => {
                    let document = std::mem::take(&mut self.control.document);
                    self.engine.list(status, &document, now);
                }
            };
        }
        loop {
            match self.control.progress(now) {
                Progress::None => return,
                Progress::Head(head) => {
                    self.control.status = head.status;
                    if head.status != 200 {
                        self.control.timeout = now + CLIENT_REASON_TIMEOUT;
                    }
                }
                Progress::Content => {
                    let content = self.control.exchange.content();
                    let count = content.len();
                    if self.control.document.len() < MIRROR_PAGE_MAX {
                        self.control.document.extend_from_slice(content);
                    }
                    self.control.exchange.take(count);
                }
                Progress::Whole(_) => {
                    self.control.over();
                    let document = std::mem::take(&mut self.control.document);
                    self.engine.list(self.control.status, &document, now);
                }
                Progress::Broken(Broken::Stale) => {
                    let request = self.control.request.clone();
                    self.control.request(request, now);
                }
                Progress::Broken(why) => {
                    self.control.over();
                    self.engine.list_failed(in_words::broken(why), now);
                }
            }
        }
    }

    /// Keeps streams of events of the first directories.
    fn watch(&mut self, now: Moment) {
        if !self.streams {
            return;
        }
        let wanted = self.engine.directories().take(MIRROR_STREAMS);
        let wanted: SortedSet<Box<[u8]>> = wanted.map(Box::from).collect();
        self.watches.retain(|watch| wanted.contains(&watch.prefix));
        for prefix in wanted.iter() {
            if !self.watches.iter().any(|watch| watch.prefix == *prefix) {
                let used =
                    |number: &usize| self.watches.iter().any(|watch| watch.number == *number);
                let number = (0..MIRROR_STREAMS).find(|number| !used(number));
                let number = number.unwrap_or_default();
                let token = Token::Slot(FIRST_STREAM + number);
                let (server, trust) = (&self.options.url.server, self.options.trust.as_ref());
                let transport = Transport::new(server, trust, token, self.poll.waker());
                self.watches
                    .push(Watch::new(prefix, number, transport, now));
            }
        }
        for index in 0..self.watches.len() {
            if self.watches[index].is_due(now) {
                let target = self.engine.directory_target(&self.watches[index].prefix);
                let request = self.write_request(&target, "Accept: text/event-stream\r\n");
                self.watches[index].begin(request, now);
            }
            self.watches[index].run(&mut self.engine, now);
        }
    }

    /// Gives the lanes something to do.
    fn fetch(&mut self, now: Moment) {
        for lane in &mut self.lanes {
            let idle = lane.is_live()
                && lane
                    .job
                    .as_ref()
                    .is_some_and(|job| !self.engine.is_hot(job.etag, now));
            if let (true, Some(job)) = (idle, &lane.job) {
                let etag = job.etag;
                lane.give_up();
                self.engine.over(etag, now);
            }
        }
        loop {
            let busy: Vec<_> = self
                .lanes
                .iter()
                .filter_map(|lane| Some(lane.job.as_ref()?.etag))
                .collect();
            let tails = self.lanes.iter().filter(|lane| lane.is_live()).count() < MIRROR_TAILS;
            let Some(free) = self.lanes.iter().position(|lane| lane.job.is_none()) else {
                return;
            };
            let Some(fetch) = self.engine.next_fetch(&busy, tails, now) else {
                return;
            };
            let opened = match fetch.compares {
                true => self.engine.tree.open_to_compare(fetch.etag),
                false => self.engine.tree.append_to(fetch.etag),
            };
            let file = match opened {
                Ok(Some(file)) => file,
                Ok(None) => {
                    self.engine.elsewhere(fetch.etag, now);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.engine.failed(fetch.etag, &error.to_string(), now);
                    continue;
                }
                Err(error) => {
                    let name = self.engine.tree.name(fetch.etag);
                    self.engine.end = Some(End::Failure(format!("{name}: {error}")));
                    return;
                }
            };
            let offset = self.engine.tree.size(fetch.etag).unwrap_or(fetch.offset);
            let last = fetch
                .end
                .map_or_else(String::new, |end| end.saturating_sub(1).to_string());
            let etag = fetch.etag;
            let before = field(check_before(&file, offset));
            let more = format!(
                "Range: bytes={offset}-{last}\r\nIf-Match: {etag}\r\n{before}TE: trailers\r\nConnection: TE\r\n"
            );
            let request = self.write_request(&fetch.target, &more);
            self.engine.begun(etag);
            self.lanes[free].begin(Job::new(&fetch, file, offset), request, now);
        }
    }

    /// Sends and receives, and takes what came. True if something did.
    fn exchange(&mut self, now: Moment) -> bool {
        let mut progress = false;
        let watches = self.watches.iter_mut().map(|watch| &mut watch.channel);
        for channel in watches.chain([&mut self.control]) {
            progress |= channel
                .transport
                .drive(&mut channel.exchange, &self.poll, usize::MAX)
                == Turn::Progress;
        }
        for lane in &mut self.lanes {
            let most = self.pace.allowance(now);
            let before = lane.exchange.received();
            progress |=
                lane.transport.drive(&mut lane.exchange, &self.poll, most) == Turn::Progress;
            self.pace.spend(lane.exchange.received() - before);
            while let Some(outcome) = lane.next(now) {
                progress = true;
                let live = lane.is_live();
                let over = lane.job.is_none().then(|| outcome.etag());
                match outcome {
                    Outcome::Bytes(etag, count) => {
                        self.flusher.grew(etag);
                        self.engine.received(etag, count, live, now);
                    }
                    Outcome::Done {
                        etag,
                        end: Some(why),
                    } => self.engine.ended(etag, &why, now),
                    Outcome::Done { .. } => {}
                    Outcome::Refused(etag, Refusal::Truncated(size)) => {
                        let what = format!("was truncated to {size} bytes");
                        self.engine.begun_again(etag, &what, now);
                    }
                    Outcome::Refused(etag, Refusal::WrittenOver) => {
                        let what = "was truncated or overwritten";
                        self.engine.begun_again(etag, what, now);
                    }
                    Outcome::Refused(etag, Refusal::Failed(why)) => {
                        self.engine.failed(etag, &why, now);
                    }
                    Outcome::Lost(etag, why) => self.engine.cut(etag, &why, now),
                    Outcome::Refused(etag, Refusal::Elsewhere(why)) => {
                        self.engine.absent(etag, &why, now);
                    }
                    Outcome::Refused(etag, Refusal::AtEnd) => self.engine.at_end(etag, now),
                    Outcome::Refused(etag, Refusal::Sealed) => self.engine.sealed(etag, now),
                    Outcome::Failed(etag, why) => {
                        let name = self.engine.tree.name(etag);
                        self.engine.end = Some(End::Failure(format!("{name}: {why}")));
                    }
                }
                if let Some(etag) = over {
                    self.engine.over(etag, now);
                }
            }
        }
        progress
    }

    fn wait(&mut self, now: Moment) -> io::Result<()> {
        let list = if self.control.busy {
            self.control.timeout
        } else {
            self.engine.list_deadline().max(now)
        };
        let watches = self.watches.iter().map(Watch::deadline);
        let mut deadline = watches.fold(list, Moment::min).min(self.pace.deadline(now));
        if self.lanes.iter().any(|lane| lane.job.is_none()) {
            deadline = deadline.min(self.engine.deadline(now));
        }
        for lane in &self.lanes {
            deadline = deadline.min(lane.timeout);
        }
        deadline = deadline.min(self.flusher.deadline().max(now));
        let timeout = (deadline < Moment::NEVER).then(|| deadline - now);
        self.poll.wait(timeout)?;
        for ready in self.poll.ready() {
            match ready.token {
                CONTROL => self.control.transport.ready = true,
                Token::Slot(slot) if slot >= FIRST_STREAM => {
                    let number = slot - FIRST_STREAM;
                    let mut watches = self.watches.iter_mut();
                    if let Some(watch) = watches.find(|watch| watch.number == number) {
                        watch.channel.transport.ready = true;
                    }
                }
                Token::Slot(slot) if slot >= FIRST_LANE => {
                    if let Some(lane) = self.lanes.get_mut(slot - FIRST_LANE) {
                        lane.transport.ready = true;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
