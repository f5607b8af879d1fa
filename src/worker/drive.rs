//! Carries out what a connection wants, against its socket and file, until it waits for somebody or has used up its
//! share of the turn.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::info;
use rustix::io::Errno;

use super::completions::Completions;
use super::event_streams;
use super::generations;
use super::inspect::Counters;
use super::searches::Searches;
use super::send::{SendBuffer, Sent, Trouble};
use super::writing::{self, Upload, Writing};
use crate::action::Next;
use crate::connection::{Action, Connection, Ended, ParsedHead};
use crate::follow::event_subscriptions::EventSubscriptions;
use crate::follow::registry::{Lookup, Topics};
use crate::http::authorization::{Right, Session, Tokens};
use crate::http::cors::Cors;
use crate::http::date::Date;
use crate::http::host::Hosts;
use crate::http::target::Target;
use crate::intent::{Intent, ParsedRequest};
use crate::limits::{BUDGET_BYTES, BUDGET_WANTS, COPY_MAX, HEAD_MAX, LISTINGS_MAX};
use crate::log::access_record::{Lines, Record};
use crate::os::sockets::{Peer, Stream};
use crate::readiness::Interest;
use crate::resource::{DirectoryPage, Resource};
use crate::response::{Summary, Terms};
use crate::store::file::OpenFile;
use crate::time::Moment;
use crate::versioned::Reader;

/// One client: its socket, its machine, and what the worker must remember of it.
pub struct Slot {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) machine: Connection<Rc<OpenFile>>,
    /// The topic it follows.
    pub(super) topic: Option<u32>,
    /// What the poller tells of.
    pub(super) armed: Interest,
    /// The moment that the deadlines hold for it.
    pub(super) deadline: Moment,
    /// The poller says that there is something to read.
    pub(super) readable: bool,
    /// It is among those to be driven.
    pub(super) due: bool,
    /// It counts against `--max-connections`.
    pub(super) counted: bool,
    pub(super) unacked: UnackedBytes,
    /// The account may be open: something was sent since it was last found balanced.
    pub(super) has_unacked: bool,
    /// When it came, in seconds.
    since: u32,
    /// For the access log: the answer that is on its way.
    pub(super) record: Option<Box<Record>>,
    /// It reads a listing that is held in memory.
    pub(super) listing: bool,
    /// Up to when its file is known not to have been truncated, see [`OpenFile::shrank_since`].
    pub(super) truncation: u64,
    /// The body of a writing request that is coming, or waits.
    pub(super) upload: Option<Box<Upload>>,
}

impl Slot {
    /// A connection that was just accepted.
    pub(super) fn new(
        stream: Stream,
        peer: Peer,
        machine: Connection<Rc<OpenFile>>,
        counted: bool,
        now: Moment,
    ) -> Slot {
        Slot {
            stream,
            peer,
            machine,
            topic: None,
            armed: READABLE,
            deadline: Moment::NEVER,
            // Often the request has come already.
            readable: true,
            due: false,
            counted,
            unacked: UnackedBytes::default(),
            has_unacked: false,
            since: u32::try_from(now.0 / 1000).unwrap_or(u32::MAX),
            record: None,
            listing: false,
            truncation: 0,
            upload: None,
        }
    }

    /// How long it has been there, to the second.
    pub(super) fn age(&self, now: Moment) -> Duration {
        now - Moment(u64::from(self.since) * 1000)
    }
}

/// What the poller tells of at first.
pub(super) const READABLE: Interest = Interest {
    readable: true,
    writable: false,
};

/// What the poller tells of while a request waits for the disk, or for the lock of a file.
pub(super) const NOTHING: Interest = Interest {
    readable: false,
    writable: false,
};

/// What a client owes us: acknowledgement of what was sent. In bytes, or on a unix socket in the kernel's memory for
/// them.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnackedBytes {
    /// Bytes sent, modulo 2^32.
    sent: u32,
    /// Of them acknowledged at the last look.
    acknowledged: u32,
    /// The last moment at which nothing was owed or something was acknowledged.
    since: Moment,
}

impl UnackedBytes {
    #[allow(clippy::cast_possible_truncation, reason = "counted modulo 2^32")]
    fn sent(&mut self, n: u64) {
        self.sent = self.sent.wrapping_add(n as u32);
    }

    /// From here on something is owed.
    fn open(&mut self, now: Moment) {
        self.since = now;
    }

    /// Takes a look at how many bytes are not acknowledged; gives the last moment at which the client took one.
    pub(super) fn look(&mut self, owed: u32, now: Moment) -> Moment {
        let acknowledged = self.sent.wrapping_sub(owed);
        if owed == 0 || acknowledged != self.acknowledged {
            (self.acknowledged, self.since) = (acknowledged, now);
        }
        self.since
    }
}

/// What the connections of a worker share while they are driven.
pub struct Context {
    pub(super) topics: Topics,
    /// What is looked for in other threads.
    pub(super) searches: Searches,
    /// What event streams follow.
    pub(super) event_subscriptions: EventSubscriptions,
    /// Who may read what; `None`: everybody everything.
    pub(super) tokens: Option<Reader<Tokens>>,
    /// `--cors`
    pub(super) cors: Option<Cors>,
    /// `--host`
    pub(super) hosts: Hosts,
    /// `--write`
    pub(super) writing: Option<Writing>,
    /// Where threads say what they have done.
    pub(super) completions: Arc<Completions>,
    /// Requests so far that waited for the disk: the number of the last one.
    pub(super) commits: u64,
    pub(super) send_buffer: SendBuffer,
    /// What has happened so far.
    pub(super) counters: Counters,
    /// The access log, if there is one.
    pub(super) lines: Option<Lines>,
    /// Where heads are read to; a connection keeps bytes only if its head is incomplete.
    pub(super) input: Box<[u8; HEAD_MAX]>,
    pub(super) date: Date,
    pub(super) now: Moment,
    /// Clients that are being sent a long listing.
    pub(super) listings: usize,
    /// A listing was made in this turn. It can take 30 ms, so the next one is made in the next turn.
    pub(super) listed: bool,
}

/// How driving a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It waits.
    Blocked,
    /// It has used up its share and wants more.
    Again,
    /// It is over.
    Leave {
        /// By a reset.
        abort: bool,
    },
}

/// Drives one connection.
pub fn drive(slot: &mut Slot, key: usize, context: &mut Context) -> Outcome {
    let mut bytes = 0;
    for _ in 0..BUDGET_WANTS {
        match slot.machine.action() {
            Action::Sleep => {
                if writing::account(slot, context) {
                    return Outcome::Blocked;
                }
            }
            Action::Remove { abort } => return Outcome::Leave { abort },
            Action::Open(asked) if context.listed && may_list(asked) => return Outcome::Again,
            Action::List { .. } if context.listed => return Outcome::Again,
            Action::Open(_) => {
                // Whose answer took long to make comes behind those who wait for theirs.
                if open(slot, key, context) {
                    return Outcome::Again;
                }
            }
            Action::Measure(file) => {
                match (file.shrank_since(&mut slot.truncation), file.cached_stat()) {
                    (Some(size), _) => slot.machine.shrank(size, context.now),
                    (None, Ok(look)) => slot.machine.measured(look.size, look.sealed, context.now),
                    (None, Err(_)) => slot.machine.fell_short(context.now),
                }
            }
            Action::Read(..) => event_streams::read(slot, context),
            Action::Examine(_) => event_streams::examine(slot, context),
            Action::Follow(_) => {
                if event_streams::follow(slot, key, context) {
                    return Outcome::Again;
                }
            }
            Action::List { .. } => event_streams::list(slot, key, context),
            Action::Store(_) | Action::Write(..) | Action::Refuse(_) => {
                writing::go_on(slot, key, context)
            }
            Action::Shut => {
                slot.stream.shut();
                slot.machine.shut(context.now);
            }
            Action::Send(next) => {
                let memory = (!slot.stream.counts_bytes()).then(|| slot.stream.unacknowledged());
                let (truncation, buffer) = (&mut slot.truncation, &mut context.send_buffer);
                match transmit(&slot.stream, &next, truncation, buffer) {
                    Ok(sent) => {
                        slot.machine.sent(sent.count, context.now);
                        count_sent(slot, sent.count, memory, context);
                        bytes += sent.count;
                        if sent.full {
                            return Outcome::Blocked;
                        }
                    }
                    Err(Trouble::Full) => return Outcome::Blocked,
                    Err(Trouble::Peer) => slot.machine.failed(context.now),
                    Err(Trouble::File) => slot.machine.fell_short(context.now),
                    Err(Trouble::Shrank(size)) => slot.machine.shrank(size, context.now),
                }
            }
        }
        if bytes >= BUDGET_BYTES {
            break;
        }
    }
    Outcome::Again
}

/// Sends some of what comes next, unless its file was seen to be truncated, by whomever.
fn transmit(
    stream: &Stream,
    next: &Next<'_, Rc<OpenFile>>,
    truncation: &mut u64,
    send_buffer: &mut SendBuffer,
) -> Result<Sent, Trouble> {
    let Some((file, _)) = &next.file else {
        return send_buffer.send(stream, next);
    };
    // Whoever is cut here has seen another truncation too, should there be one: a look notes it.
    if let Some(size) = file.shrank_since(truncation) {
        let _ = file.stat();
        return Err(Trouble::Shrank(size));
    }
    let result = send_buffer.send(stream, next);
    if matches!(result, Err(Trouble::File)) {
        let _ = file.stat();
    }
    result
}

/// Accounts for bytes that the socket took. `memory`: what it held before, where bytes cannot be counted.
pub(super) fn count_sent(slot: &mut Slot, count: u64, memory: Option<u32>, context: &mut Context) {
    if let Some(record) = &mut slot.record {
        record.sent += count;
    }
    let taken = |before| slot.stream.unacknowledged().saturating_sub(before).into();
    slot.unacked.sent(memory.map_or(count, taken));
    if !std::mem::replace(&mut slot.has_unacked, true) {
        slot.unacked.open(context.now);
    }
    context.counters.sent += count;
}

/// Reads once, and only when the poller has said that there is something. Whoever is driven in a turn has received before
/// the first one is driven: so a request is never younger than what was looked up in its turn.
pub fn receive(slot: &mut Slot, context: &mut Context) {
    let room = slot.machine.room();
    if !std::mem::take(&mut slot.readable) || room == 0 {
        return;
    }
    match slot.stream.receive(&mut context.input[..room]) {
        Ok(0) => slot.machine.hung_up(context.now),
        Ok(n) => slot.machine.received(&context.input[..n], context.now),
        Err(Errno::AGAIN) => {}
        Err(_) => slot.machine.failed(context.now),
    }
}

/// If the answer that was on its way is over, the log says so, a tail leaves its topic, and a listing makes room.
pub(super) fn finish_response(slot: &mut Slot, key: usize, context: &mut Context) {
    if !slot.machine.is_answering() {
        context.listings -= usize::from(std::mem::take(&mut slot.listing));
        let ended = slot.machine.take_ended();
        log_access(slot, ended.as_ref().map(|ended| ended.bytes), context);
        leave_topic(slot, key, ended, context);
    }
}

/// The line in the access log.
pub(super) fn log_access(slot: &mut Slot, tail: Option<u64>, context: &mut Context) {
    if let (Some(record), Some(lines)) = (slot.record.take(), &mut context.lines) {
        lines.add(&record, slot.peer, tail, context.date);
    }
}

fn leave_topic(slot: &mut Slot, key: usize, ended: Option<Ended>, context: &mut Context) {
    let topic = slot.topic.take().map(|topic| topic as usize);
    if let Some(ended) = ended {
        context.counters.ends[ended.end as usize] += 1;
        let (kind, name) = match (ended.events, topic) {
            (Some(path), _) => {
                context.event_subscriptions.leave(key, &mut context.topics);
                ("events", path)
            }
            (None, Some(topic)) => ("tail", context.topics.name(topic)),
            (None, None) => return,
        };
        let (peer, why, bytes) = (slot.peer, ended.end.word(), ended.bytes);
        info!("{peer} {kind} of {name} ended: {why}, {bytes} bytes");
    }
    if let Some(topic) = topic {
        context.topics.leave(topic, key);
    }
}

/// Looks up what is asked and begins the answer. True if a listing was made or lines were counted for it. Apart, for the
/// sake of deliveries, which pass by here.
#[inline(never)]
fn open(slot: &mut Slot, key: usize, context: &mut Context) -> bool {
    // A tail may have ended just before this request, which waited behind it.
    finish_response(slot, key, context);
    let Action::Open(asked) = slot.machine.action() else {
        return false;
    };
    let lookup = match asked {
        // Before anything is looked up: whoever may not read must not learn what is there either.
        Ok(asked) if slot.stream.is_tcp() && !context.hosts.contain(&asked.request.host) => {
            Some(Resource::Misdirected.into())
        }
        Ok(asked) if context.writing.is_some() && asked.writes() => {
            writing::begin(slot, context);
            return false;
        }
        Ok(asked) => match authorize(context, asked) {
            Ok(()) => resolve(context, key, asked),
            Err(resource) => Some(resource.into()),
        },
        Err(_) => Some(Resource::Missing.into()),
    };
    let Some(lookup) = lookup else {
        slot.machine.wait_for_resource();
        return false;
    };
    let counted = lookup.counted();
    let Lookup { mut found, topic } = lookup;
    let listed = matches!(found, Resource::Listing(_));
    context.listed |= listed;
    match &found {
        Resource::File { file, .. } | Resource::Generation { file, .. } => {
            slot.truncation = file.truncation();
        }
        Resource::Listing(DirectoryPage { body, .. }) | Resource::Generations(body)
            if body.len() > COPY_MAX =>
        {
            if context.listings < LISTINGS_MAX {
                context.listings += 1;
                slot.listing = true;
            } else {
                found = Resource::Busy;
            }
        }
        _ => {}
    }
    let (mut asked, summary) = slot.machine.resolved(
        found,
        Terms {
            date: context.date,
            cors: context.cors.as_ref(),
            writable: context.writing.as_ref().map(|writing| &*writing.prefixes),
        },
    );
    if let Ok(asked) = &mut *asked
        && asked.writes()
    {
        // Where nothing may be written, the method is not understood, and what it names is nobody's business.
        asked.intent = Intent::Unsupported;
    }
    answer_begins(slot, context, &asked, summary);
    match topic {
        Some(topic) if slot.machine.is_tail() => {
            context.topics.join(topic, key);
            if slot.machine.subject().is_some() {
                context.event_subscriptions.join(key, topic);
            } else {
                slot.topic = u32::try_from(topic).ok();
            }
        }
        Some(topic) => context.topics.drop_if_unused(topic),
        None => {}
    }
    listed || counted
}

/// Counts and logs an answer that is on its way from here on.
pub(super) fn answer_begins(
    slot: &mut Slot,
    context: &mut Context,
    asked: &ParsedHead,
    summary: Summary,
) {
    context.counters.answers[summary.status as usize] += 1;
    info!("{} {} {summary}", slot.peer, Line(asked));
    if let (Some(_), Action::Send(next)) = (&context.lines, slot.machine.action()) {
        let record = Record::new(asked, summary, &next.before);
        slot.record = Some(Box::new(record));
    }
}

/// Whether the answer can be a listing.
fn may_list(asked: &ParsedHead) -> bool {
    asked.as_ref().is_ok_and(ParsedRequest::may_list)
}

/// Whether the client may know what it asks for; if not, what it gets instead.
fn authorize(context: &mut Context, asked: &ParsedRequest) -> Result<(), Resource<Rc<OpenFile>>> {
    let Some(tokens) = &mut context.tokens else {
        return Ok(());
    };
    let path = match &asked.intent {
        // Browsers ask without a token whether they may ask with one; the answer tells nothing of what is there.
        Intent::Options(_) if context.cors.is_some() => return Ok(()),
        Intent::Options(Target::Asterisk) | Intent::Write(_) | Intent::Unsupported => return Ok(()),
        Intent::LogIn { path, keep } => {
            let session = tokens.get().log_in(&asked.request.credentials, path, *keep);
            return Err(session.map_or_else(Resource::Unauthorized, Resource::Session));
        }
        Intent::LogOut(_) => {
            let session = tokens.get().log_out(&asked.request.credentials);
            return Err(Resource::Session(session));
        }
        intent => intent.path(),
    };
    let permitted = tokens
        .get()
        .permit(&asked.request.credentials, path, Right::Read);
    permitted.map_err(|challenge| match &asked.intent {
        // The viewer tells nothing and asks for a token itself.
        Intent::Viewer(_) => Resource::Viewer,
        _ => Resource::Unauthorized(challenge),
    })
}

/// What the request leads to; `None`: a thread looks for it. Nothing is looked up for what is answered without.
fn resolve(context: &mut Context, slot: usize, asked: &ParsedRequest) -> Option<Lookup> {
    match &asked.intent {
        Intent::Read(part) | Intent::Tail(part) if part.generation.is_some() => {
            let etag = part.generation?;
            generations::find(context, slot, part, etag, asked.subscribes())
        }
        Intent::Generations(path) => generations::list(context, slot, path),
        Intent::Read(_)
        | Intent::Tail(_)
        | Intent::Events(_)
        | Intent::Listing(_)
        | Intent::Viewer(_) => Some(context.topics.look_up(asked)),
        // Nobody needs to: there are no tokens.
        Intent::LogIn { .. } | Intent::LogOut(_) => {
            Some(Resource::Session(Session::needless()).into())
        }
        // Where nothing may be written, those methods are not understood.
        Intent::Options(_) | Intent::Nowhere | Intent::Write(_) | Intent::Unsupported => {
            Some(Resource::Missing.into())
        }
    }
}

/// What was asked, for the log; all that comes from the client is encoded.
struct Line<'a>(&'a ParsedHead);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ok(asked) => write!(out, "{}:", asked.line("(a hidden name)")),
            Err(refused) => write!(out, "refused, {}:", refused.why.explain().1),
        }
    }
}
