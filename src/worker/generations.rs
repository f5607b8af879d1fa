//! Requests for generations. The worker finds the file that has the name now itself; a thread searches for any other one, and
//! the worker looks the request up again when the search is over.

use std::rc::Rc;
use std::sync::Arc;

use rustix::io::Errno;

use super::context::Context;
use super::searches::Purpose;
use crate::action::After;
use crate::follow::look_up::Lookup;
use crate::follow::topics::Topics;
use crate::follow::watcher::TopicId;
use crate::http::conditional::ETag;
use crate::http::request::Method;
use crate::http::target::Path;
use crate::intent::{FilePart, Intent, ParsedRequest};
use crate::limits::GENERATIONS_UNREADABLE_MAX;
use crate::resource::{FileInfo, GenerationPlace, Resource};
use crate::store::file::OpenFile;
use crate::store::generations::finder::Answer;
use crate::store::generations::json;
use crate::store::generations::order::{Generation, Member};
use crate::store::generations::report::Report;
use crate::store::lookup::failed;
use crate::store::root::Node;

/// The list of the generations of a name. `None`: a search for them is under way.
pub(super) fn list(context: &mut Context, slot: usize, path: &Path) -> Option<Lookup> {
    let answer = match search(context, slot, path, Purpose::List) {
        Ok(answer) => answer?,
        Err(other) => return Some(other.into()),
    };
    let report = match &*answer {
        Ok(report) => report,
        Err(error) => return Some(failed(*error, &path.name).into()),
    };
    let found = match report.chain.0.is_empty() {
        true if !path.slash && is_directory(context, path) => Resource::NeedsSlash,
        true => Resource::Missing,
        false => Resource::Generations(json::list(path, &report.chain).into()),
    };
    Some(found.into())
}

fn is_directory(context: &Context, path: &Path) -> bool {
    let files = context.topics.lookups.files();
    matches!(files.find(&path.name, None), Ok(Node::Directory(_)))
}

/// A generation of a name. `None`: a search for it is under way.
pub(super) fn find(
    context: &mut Context,
    slot: usize,
    asked: &ParsedRequest,
    part: &FilePart,
    etag: ETag,
) -> Option<Lookup> {
    let current = GenerationPlace {
        path: part.path.clone(),
        successor: None,
    };
    let purpose = match (&asked.intent, &asked.request.method) {
        (Intent::Tail(_), Method::Get) => Purpose::Live(etag),
        _ => Purpose::Find(etag),
    };
    let topics = &mut context.topics;
    if let Some(lookup) = topics.look_up_generation(asked, part, current, etag) {
        let name = &part.path.name;
        context.searches.withdraw(slot, name, purpose);
        return Some(lookup);
    }
    let answer = match search(context, slot, &part.path, purpose) {
        Ok(answer) => answer?,
        Err(other) => return Some(other.into()),
    };
    let report = match &*answer {
        Ok(report) => report,
        Err(error) => return Some(failed(*error, &part.path.name).into()),
    };
    let Some(generation) = report.chain.find(etag) else {
        let truncated = context.topics.lookups.files().was_truncated(etag);
        let none = Box::new(report.why_not(etag, truncated));
        return Some(Resource::NoGeneration(none).into());
    };
    let place = GenerationPlace {
        path: generation.path(),
        successor: match purpose {
            // Only what was seen is certain.
            Purpose::Live(_) if !report.is_settled() => report.seen.next(etag),
            _ => report.successor(etag),
        },
    };
    let topics = &mut context.topics;
    match topics.look_up_generation(asked, part, place, etag) {
        Some(lookup) => Some(lookup),
        // It was renamed since: it is looked for once more.
        None => match search(context, slot, &part.path, purpose) {
            Ok(_) => None,
            Err(other) => Some(other.into()),
        },
    }
}

/// What an event stream goes on with.
pub(super) enum Next {
    /// What the name leads to.
    Named(Lookup),
    /// This file.
    Generation {
        topic: TopicId,
        file: Rc<OpenFile>,
        info: FileInfo,
        /// The name leads to it.
        named: bool,
        /// A file before it is missing.
        gap: bool,
    },
    /// A search for it is under way.
    Waiting,
}

impl Lookup {
    fn into_next(self, gap: bool) -> Next {
        match (self.found, self.topic) {
            (Resource::File { file, info }, Some(topic)) => Next::Generation {
                topic,
                file,
                info,
                named: true,
                gap,
            },
            (found, topic) => Next::Named(Lookup { found, topic }),
        }
    }
}

impl Next {
    /// The topic to join.
    pub(super) fn topic(&self) -> Option<TopicId> {
        match self {
            Next::Named(lookup) => lookup.topic,
            Next::Generation { topic, .. } => Some(*topic),
            Next::Waiting => None,
        }
    }
}

/// What an event stream goes on with after a file that had the name. `elsewhere`: the stream follows this file by another
/// of its names. `named`: what the name leads to now.
pub(super) fn next(
    context: &mut Context,
    slot: usize,
    name: &Path,
    after: After,
    elsewhere: &dyn Fn(&Member) -> bool,
    named: Lookup,
) -> Next {
    // What happened up to the look-up is in the queue.
    context.topics.read_changes();
    let etag = named.info().map(|info| info.etag);
    let missing = matches!(named.found, Resource::Missing);
    let certain = is_certain(context, name, after, etag, missing);
    let (purpose, former) = purposes(after);
    context.searches.withdraw(slot, &name.name, former);
    if certain {
        context.searches.withdraw(slot, &name.name, purpose);
        return Next::Named(named);
    }
    let step = match search(context, slot, name, purpose) {
        Err(busy) => Step::Other(busy),
        Ok(None) => Step::Wait,
        Ok(Some(answer)) => match &*answer {
            Err(error) => Step::Other(failed(*error, &name.name)),
            Ok(report) => readable_step(&mut context.topics, name, report, after, &|member| {
                !member.current && elsewhere(member)
            }),
        },
    };
    let next = match step {
        Step::Nothing if missing => return Next::Named(named),
        Step::Named { gap } => return named.into_next(gap),
        Step::To(next) if next.current && Some(next.etag) == etag => {
            return named.into_next(next.gap);
        }
        Step::Found(next) => Some(next),
        Step::Other(other) => Some(Next::Named(other.into())),
        Step::Wait => Some(Next::Waiting),
        Step::To(_) | Step::Nothing => None,
    };
    named
        .topic
        .into_iter()
        .for_each(|topic| context.topics.drop_if_unused(topic));
    // Something was renamed since: it is looked for once more.
    next.unwrap_or_else(|| match search(context, slot, name, purpose) {
        Err(busy) => Next::Named(busy.into()),
        Ok(_) => Next::Waiting,
    })
}

/// Whether what the name leads to comes next, and no search is needed. `etag`: that of the file, if it is one. `missing`:
/// there is nothing.
fn is_certain(
    context: &Context,
    name: &Path,
    after: After,
    etag: Option<ETag>,
    missing: bool,
) -> bool {
    let history = &context.topics.families.history;
    let is_next = |etag| after.finished && history.next(&name.name, after.etag) == Some(etag);
    match etag {
        Some(etag) => etag == after.etag || is_next(etag),
        // Of what has only another name the rest is at hand: a search is worth it if others came after it.
        None => {
            let is_last = || history.is_last(&name.name, after.etag);
            !missing || after.in_vain || after.passed && is_last()
        }
    }
}

/// What a stream wants to know there, and what it may have wanted before: while a search for the rest of a file goes on, it may
/// read the file to its end, and then nobody takes the answer of that search.
fn purposes(after: After) -> (Purpose, Purpose) {
    let (rest, next) = (Purpose::Rest(after.etag), Purpose::Next(after.etag));
    match after.finished {
        true => (next, rest),
        false => (rest, next),
    }
}

/// An earlier file that a client knows. `None`: a search for it is under way; `Some(None)`: it is gone.
pub(super) fn late(
    context: &mut Context,
    slot: usize,
    name: &Path,
    after: After,
) -> Option<Option<(Rc<OpenFile>, FileInfo)>> {
    let answer = match search(context, slot, name, Purpose::Late(after.etag)) {
        Ok(answer) => answer?,
        Err(_) => return Some(None),
    };
    let Ok(report) = &*answer else {
        return Some(None);
    };
    let found = report.chain.find(after.etag).and_then(|generation| {
        let path = &generation.member.path;
        context.topics.find_generation(&name.name, path, after.etag)
    });
    Some(found.and_then(Result::ok).map(|(file, info, topic)| {
        context.topics.drop_if_unused(topic);
        (file, info)
    }))
}

/// The outcome of a search for what comes next.
enum Step {
    /// Go on with this file.
    To(Target),
    /// The same, and it is open.
    Found(Next),
    /// Nothing comes after it yet.
    Nothing,
    /// What came after it is not known, or cannot be read.
    Named {
        /// Something is lost.
        gap: bool,
    },
    Wait,
    Other(Resource<Rc<OpenFile>>),
}

struct Target {
    path: Box<[u8]>,
    etag: ETag,
    size: u64,
    current: bool,
    gap: bool,
}

/// The step to the next file that the server may read: what it may not read is lost to the stream.
fn readable_step(
    topics: &mut Topics,
    name: &Path,
    report: &Report,
    mut after: After,
    passed_over: &dyn Fn(&Member) -> bool,
) -> Step {
    let mut lost = false;
    for _ in 0..GENERATIONS_UNREADABLE_MAX {
        let mut next = match step(report, after, passed_over) {
            Step::To(next) => next,
            other => return other,
        };
        next.gap |= lost;
        if next.current {
            return Step::To(next);
        }
        match topics.find_generation(&name.name, &next.path, next.etag) {
            Some(Ok((file, info, topic))) => {
                return Step::Found(Next::Generation {
                    topic,
                    file,
                    info,
                    named: false,
                    gap: next.gap,
                });
            }
            Some(Err(Errno::ACCESS | Errno::PERM)) => {}
            Some(Err(error)) => return Step::Other(failed(error, &next.path)),
            None => return Step::To(next),
        }
        let is_rest = next.etag == after.etag;
        let sent = if is_rest { after.offset } else { 0 };
        lost = next.gap || next.size != sent;
        (after.etag, after.finished) = (next.etag, true);
    }
    Step::Named { gap: true }
}

/// `passed_over`: files that do not belong to this name.
fn step(report: &Report, mut after: After, passed_over: &dyn Fn(&Member) -> bool) -> Step {
    let target = |generation: &Generation, gap: bool| {
        let member = &generation.member;
        Step::To(Target {
            path: member.path.clone(),
            etag: member.etag,
            size: member.size,
            current: member.current,
            gap,
        })
    };
    // The file is there: nobody was away for so long that only newer ones are kept.
    let known = report.chain.find(after.etag).is_some() || report.seen.place(after.etag).is_some();
    if after.passed && !known {
        return Step::Named { gap: false };
    }
    if !after.finished
        && let Some(rest) = report.chain.find(after.etag)
    {
        match passed_over(&rest.member) {
            true => after.finished = true,
            false => return target(rest, false),
        }
    }
    let mut next = report.chain.after(after.etag, &report.seen);
    while let Some(generation) = next.generation.filter(|it| passed_over(&it.member)) {
        let gap = next.gap;
        next = report.chain.after(generation.member.etag, &report.seen);
        next.gap |= gap;
    }
    // How long it was in the end is known only if it was measured between its roll and its compression.
    let copy = report.chain.compressed_copy(after.etag);
    let size = copy
        .and_then(|copy| copy.original)
        .filter(|original| original.is_final)
        .map(|original| original.size);
    let lost = !after.finished && size != Some(after.offset);
    match next.generation {
        Some(generation) => target(generation, next.gap || lost),
        None => Step::Nothing,
    }
}

/// The answer of a search; `None`: it is under way.
fn search(
    context: &mut Context,
    slot: usize,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<Arc<Answer>>, Resource<Rc<OpenFile>>> {
    // A look at the directory must know of the rolls up to now, and their events may still be in the queue.
    context.topics.read_changes();
    let asked = context.searches.ask(slot, &path.name, purpose);
    asked.map_err(|_| Resource::Overloaded)
}
