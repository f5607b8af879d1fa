//! The way of a request: authorize, resolve, respond, join.

use std::rc::Rc;

use log::{Level, log_enabled};

use super::accounting::{answer_begins, finish_response};
use super::context::Context;
use super::generations;
use super::job_rights;
use super::jobs;
use super::permits::Permit;
use super::slot::Slot;
use super::upload::Jobs;
use super::waiting::{self, Waiting};
use super::writing;
use crate::action::{Action, ParsedHead};
use crate::follow::look_up::Lookup;
use crate::follow::watcher::TopicId;
use crate::http::authorization::{Right, Session};
use crate::http::host::Host;
use crate::http::target::Target;
use crate::intent::{Intent, ParsedRequest};
use crate::limits::COPY_MAX;
use crate::resource::{DirectoryPage, Resource};
use crate::response::Terms;
use crate::store::explain;
use crate::store::file::OpenFile;
use crate::store::lookup::{failed, list_terms};

/// Answers a request in four steps: authorize it, resolve its name, respond, join what it subscribes to. True if this took
/// long (a list was made, or lines were counted), so that other connections go first. It stands apart because deliveries,
/// which are far more, pass by its caller.
#[inline(never)]
pub(super) fn open(slot: &mut Slot, key: usize, context: &mut Context) -> bool {
    // A tail may have ended just before this request, which waited behind it.
    finish_response(slot, key, context);
    if slot.machine.patience().is_some() {
        context.topics.stop_waiting(key);
    }
    let Action::Open(asked) = slot.machine.action() else {
        return false;
    };
    let lookup = match asked {
        // What is written is authorized when its head is there, and carried out when its body is.
        Ok(asked) if is_addressed(slot, context, asked) && context.writes(asked) => {
            if !jobs::begin(slot, context) {
                writing::begin(slot, context);
            }
            return false;
        }
        // Before the look-up: a client that may not read must not learn which names exist either.
        Ok(asked) => match authorize(slot, context, asked) {
            Ok(()) => resolve(context, key, asked),
            Err(resource) => Some(resource.into()),
        },
        Err(_) => Some(Resource::Missing.into()),
    };
    let Some(mut lookup) = lookup else {
        slot.machine.wait_for_resource();
        return false;
    };
    if let Action::Open(Ok(asked)) = slot.machine.action()
        && let Some(until) = jobs::patience(asked, &lookup.found, &slot.machine, context.now)
    {
        slot.machine.wait_until(until);
        if let Some(topic) = lookup.topic {
            context.topics.join(topic, key);
            slot.topic = u32::try_from(topic).ok();
        }
        return false;
    }
    let Waiting::Over(waited) = waiting::wait(slot, key, context, &mut lookup.found) else {
        return false;
    };
    let took_long = lookup.counted() || is_list(&lookup.found);
    let topic = lookup.topic;
    respond(slot, context, lookup.found, waited, key);
    join(slot, key, context, topic);
    took_long
}

fn is_list(found: &Resource<Rc<OpenFile>>) -> bool {
    matches!(found, Resource::Listing(_) | Resource::ListingHead(_))
}

/// Whether the request is for a host that this server answers for.
fn is_addressed(slot: &Slot, context: &Context, asked: &ParsedRequest) -> bool {
    !slot.stream.is_tcp() || context.hosts.contain(&asked.request.host)
}

/// The response to what was found begins.
fn respond(
    slot: &mut Slot,
    context: &mut Context,
    mut found: Resource<Rc<OpenFile>>,
    waited: Option<u64>,
    key: usize,
) {
    context.listed |= is_list(&found);
    // Of what was found out for it nothing may answer the next request: by now the client may not be allowed to know it.
    context.lists.forget(key);
    context.searches.forget(key);
    match &found {
        Resource::File { file, .. } | Resource::Generation { file, .. } => {
            slot.truncation = file.truncation();
        }
        Resource::Listing(DirectoryPage { body, .. }) | Resource::Generations(body)
            if body.len() > COPY_MAX && !context.pages.admit(body) =>
        {
            found = Resource::Overloaded;
        }
        _ => {}
    }
    let why = why_refused(slot, context, &found);
    let (asked, summary) = slot.machine.resolved(
        found,
        Terms {
            now: context.timestamp(),
            cors: context.cors.as_ref(),
            writable: context.writing.as_ref().map(|writing| &*writing.prefixes),
            jobs: context.jobs.as_ref().map(|jobs| &jobs.prefix),
            waited,
            delimiter_key: context.delimiter_key,
        },
    );
    answer_begins(slot, context, &asked, summary, why.as_deref());
    let Ok(asked) = &*asked else { return };
    if !slot.machine.is_tail() {
        return;
    }
    context.clients.keep(key, slot, asked);
    if context.tokens.is_some() {
        let permit = Permit {
            credentials: asked.request.credentials.clone(),
            path: asked.intent.path().cloned(),
            right: right_needed(context.jobs.as_ref(), &asked.intent),
        };
        context.permits.keep(key, permit);
    }
}

/// Why a request is refused, for the log.
fn why_refused(slot: &Slot, context: &Context, found: &Resource<Rc<OpenFile>>) -> Option<String> {
    if !log_enabled!(Level::Info) {
        return None;
    }
    let Action::Open(Ok(asked)) = slot.machine.action() else {
        return None;
    };
    let forbidden = match found {
        Resource::Forbidden => true,
        Resource::Missing => false,
        Resource::Misdirected => return Some(why_misdirected(&asked.request.host)),
        _ => return None,
    };
    let path = asked.intent.path()?;
    explain::refusal(context.topics.lookups.files(), path, forbidden)
}

fn why_misdirected(host: &Host) -> String {
    match host {
        Host::Name(name) => format!("no --host names {name:?}"),
        Host::Literal => "no --host names it".into(),
    }
}

/// A subscription joins its topic; a topic that was made for a response that is none goes.
fn join(slot: &mut Slot, key: usize, context: &mut Context, topic: Option<TopicId>) {
    let Some(topic) = topic else {
        return;
    };
    if !slot.machine.is_tail() {
        return context.topics.drop_if_unused(topic);
    }
    context.topics.join(topic, key);
    slot.topic = u32::try_from(topic).ok();
    if let Some(subject) = slot.machine.subject() {
        let shared = context.topics.share_subject(topic, subject);
        slot.machine.share_subject(shared);
    }
}

/// Whether the answer can be a list that is still to be made.
pub(super) fn must_list(asked: &ParsedHead, context: &Context) -> bool {
    let Ok(asked) = asked else {
        return false;
    };
    let lookups = &context.topics.lookups;
    let is_made = || list_terms(asked).is_some_and(|terms| lookups.has_list(&terms));
    asked.may_list() && !is_made()
}

/// Whether the client may know what it asks for; if not, what it gets instead.
fn authorize(
    slot: &Slot,
    context: &mut Context,
    asked: &ParsedRequest,
) -> Result<(), Resource<Rc<OpenFile>>> {
    if !is_addressed(slot, context, asked) {
        return Err(Resource::Misdirected);
    }
    let Some(tokens) = &mut context.tokens else {
        return Ok(());
    };
    let path = match &asked.intent {
        // Browsers ask without a token whether they may ask with one; the answer does not tell which files exist.
        Intent::Options(_) if context.cors.is_some() => return Ok(()),
        Intent::Options(Target::Asterisk) | Intent::Write(_) | Intent::Unsupported => return Ok(()),
        Intent::LogIn { path, keep } => {
            let credentials = &asked.request.credentials;
            let session = tokens.get().log_in(credentials, path, *keep, context.date);
            return Err(session.map_or_else(Resource::Unauthorized, Resource::Session));
        }
        Intent::LogOut(_) => {
            let session = tokens.get().log_out(&asked.request.credentials);
            return Err(Resource::Session(session));
        }
        intent => intent.path(),
    };
    // Who may make a job may read its answer.
    if matches!(asked.intent, Intent::Answer(_)) {
        return Ok(());
    }
    let right = right_needed(context.jobs.as_ref(), &asked.intent);
    let credentials = &asked.request.credentials;
    let permitted = tokens.get().permit(credentials, path, right, context.date);
    permitted.map_err(|challenge| match &asked.intent {
        // The viewer tells nothing and asks for a token itself.
        Intent::Viewer(_) => Resource::Viewer,
        _ => Resource::Unauthorized(challenge),
    })
}

/// What a client must be allowed to read this.
fn right_needed(jobs: Option<&Jobs>, intent: &Intent) -> Right {
    match (jobs, intent) {
        (_, Intent::Answer(_)) => Right::Append,
        (Some(jobs), intent) => job_rights::right_to_read(jobs, intent),
        (None, _) => Right::Read,
    }
}

/// What the request leads to; `None`: a thread looks for it. It looks nothing up for requests that need no file.
fn resolve(context: &mut Context, slot: usize, asked: &ParsedRequest) -> Option<Lookup> {
    match &asked.intent {
        Intent::Read(part) | Intent::Tail(part) if part.generation.is_some() => {
            let etag = part.generation?;
            generations::find(context, slot, asked, part, etag)
        }
        Intent::Generations(path) => generations::list(context, slot, path),
        Intent::Read(_)
        | Intent::Tail(_)
        | Intent::Events(_)
        | Intent::Listing(_)
        | Intent::Answer(_)
        | Intent::Viewer(_) => look_up_or_list(context, slot, asked),
        // Nobody needs to log in: there are no tokens.
        Intent::LogIn { .. } | Intent::LogOut(_) => {
            Some(Resource::Session(Session::needless()).into())
        }
        // Where nothing may be written, those methods are not understood.
        Intent::EventsNotAccepted(_)
        | Intent::Options(_)
        | Intent::Nowhere
        | Intent::Write(_)
        | Intent::Unsupported => Some(Resource::Missing.into()),
    }
}

/// Looks up what a request asks for. `None`: a thread lists a large directory.
fn look_up_or_list(context: &mut Context, slot: usize, asked: &ParsedRequest) -> Option<Lookup> {
    let path = asked.intent.path()?;
    match context.lists.take(slot, || list_terms(asked)) {
        Some(Ok(page)) => return Some(Resource::Listing(page).into()),
        Some(Err(error)) => return Some(failed(error, &path.name).into()),
        None => {}
    }
    let lookup = context.topics.look_up(asked);
    let (Resource::LongListing, Some(terms)) = (&lookup.found, list_terms(asked)) else {
        return Some(lookup);
    };
    let files = context.topics.lookups.files();
    match context.lists.begin(slot, terms, files) {
        Ok(()) => None,
        Err(error) => Some(failed(error, &path.name).into()),
    }
}
