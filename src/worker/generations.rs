//! Requests for generations. The file that has the name now is at hand; any other one is looked for by a thread, and the
//! request comes here again when the search is over.

use std::rc::Rc;
use std::sync::Arc;

use super::drive::Context;
use crate::follow::registry::Lookup;
use crate::http::conditional::ETag;
use crate::http::target::Path;
use crate::intent::FilePart;
use crate::resource::{GenerationPlace, NoGeneration, NoGenerationReason, Resource};
use crate::store::file::OpenFile;
use crate::store::generations::finder::Answer;
use crate::store::generations::json;
use crate::store::generations::order::Generation;
use crate::store::generations::scan::Report;
use crate::store::lookup::failed;

/// The list of the generations of a name. `None`: it is being made.
pub(super) fn list(context: &mut Context, slot: usize, path: &Path) -> Option<Lookup> {
    let answer = match search(context, slot, path) {
        Ok(answer) => answer?,
        Err(other) => return Some(other.into()),
    };
    let report = match &*answer {
        Ok(report) => report,
        Err(error) => return Some(failed(*error, &path.name).into()),
    };
    let found = match report.chain.0.is_empty() {
        true => Resource::Missing,
        false => Resource::Generations(json::list(path, &report.chain)),
    };
    Some(found.into())
}

/// A generation of a name. `None`: it is being looked for.
pub(super) fn find(
    context: &mut Context,
    slot: usize,
    part: &FilePart,
    etag: ETag,
    subscribes: bool,
) -> Option<Lookup> {
    let current = GenerationPlace {
        path: part.path.clone(),
        successor: None,
    };
    let topics = &mut context.topics;
    if let Some(lookup) = topics.look_up_generation(part, current, etag, subscribes) {
        return Some(lookup);
    }
    let answer = match search(context, slot, &part.path) {
        Ok(answer) => answer?,
        Err(other) => return Some(other.into()),
    };
    let report = match &*answer {
        Ok(report) => report,
        Err(error) => return Some(failed(*error, &part.path.name).into()),
    };
    let Some(generation) = report.chain.find(etag) else {
        let truncated = context.topics.lookups.files().was_truncated(etag);
        let none = Box::new(why_not(report, etag, truncated));
        return Some(Resource::NoGeneration(none).into());
    };
    let place = GenerationPlace {
        path: path_of(generation),
        successor: successor(report, etag),
    };
    let topics = &mut context.topics;
    match topics.look_up_generation(part, place, etag, subscribes) {
        Some(lookup) => Some(lookup),
        // It was renamed since: it is looked for once more.
        None => match search(context, slot, &part.path) {
            Ok(_) => None,
            Err(other) => Some(other.into()),
        },
    }
}

/// What a search has found; `None`: it is under way.
fn search(
    context: &mut Context,
    slot: usize,
    path: &Path,
) -> Result<Option<Arc<Answer>>, Resource<Rc<OpenFile>>> {
    let asked = context.searches.ask(slot, &path.name);
    asked.map_err(|_| Resource::Busy)
}

fn path_of(generation: &Generation) -> Path {
    Path {
        name: generation.member.path.clone(),
        slash: false,
    }
}

/// The tag of what comes after a generation. Of a compressed file that of the file that it was, as far as it is known:
/// whoever asks for it learns that only the copy is left.
fn successor(report: &Report, etag: ETag) -> Option<ETag> {
    let next = report.chain.successor(etag)?;
    Some(
        next.original
            .map_or(next.member.etag, |original| original.etag),
    )
}

fn why_not(report: &Report, etag: ETag, truncated: bool) -> NoGeneration {
    let seen = report.seen.place(etag).is_some();
    let reason = match report.chain.compressed_copy(etag) {
        Some(copy) => NoGenerationReason::Compressed(path_of(copy)),
        None if truncated => NoGenerationReason::Truncated,
        None if seen => NoGenerationReason::Gone,
        None => NoGenerationReason::NeverSeen,
    };
    let first = report.chain.oldest().or(report.chain.0.first());
    let next = report.chain.after(etag, &report.seen).generation;
    NoGeneration {
        reason,
        first: first.map(|first| first.member.etag),
        successor: next.filter(|_| seen).map(|next| next.member.etag),
    }
}
