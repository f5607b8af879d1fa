//! Whether a request may write, as far as its head tells, and where its body goes.

use super::context::Context;
use super::job_rights;
use super::slot::Slot;
use super::upload::{Upload, Writing};
use crate::connection::receiving::Sink;
use crate::http::authorization::Right;
use crate::http::digest::Verifier;
use crate::http::head::Status;
use crate::http::origin::Origins;
use crate::http::target::{Path, Target};
use crate::http::write::{Change, Fault, Verb, WriteHead};
use crate::intent::ParsedRequest;
use crate::receipt::WriteFailure;
use crate::store::append::{self, Append};
use crate::store::place::Place;
use crate::store::replace::{self, Temporary};
use crate::store::root::Files;

/// Where the body of a request goes, and what is remembered of it; or why it cannot be carried out.
pub(super) type Decision = Result<(Sink, Option<Box<Upload>>), WriteFailure>;

/// Whether a request may be carried out, as far as it can be said before its body is there, and where its body goes.
pub(super) fn decide(asked: &ParsedRequest, slot: &Slot, context: &mut Context) -> Decision {
    let write = asked.write_head();
    let right = match write.verb {
        Verb::Post | Verb::Patch => match &context.jobs {
            Some(jobs) => job_rights::right_to_append(jobs, write.path()),
            None => Right::Append,
        },
        Verb::Put | Verb::Move | Verb::Delete => Right::Write,
    };
    permit(asked, write, right, slot, context)?;
    let writing = context.writing.as_ref().expect("writing is on");
    let (path, prefix) = find_prefix(write, writing)?;
    let change = write
        .change
        .as_ref()
        .map_err(|fault| WriteFailure::Fault(*fault))?;
    if let Change::Move { destination, .. } = change
        && writing.prefixes.find(destination).is_none()
    {
        return Err(WriteFailure::NotWritable);
    }
    let empty = write.framing.is_empty();
    match change {
        Change::Append { .. }
        | Change::AppendAt {
            complete: false, ..
        } if empty => Err(WriteFailure::Empty),
        Change::Append { .. } | Change::AppendAt { .. } => {
            let length = write.framing.length().unwrap_or(0);
            if length > writing.append_max {
                return Err(WriteFailure::TooLong);
            }
            if !writing.memory.has_room_for(length) {
                return Err(WriteFailure::Overloaded);
            }
            if write.expects_continue {
                let files = context.topics.lookups.files();
                let place = find_place(writing, files, prefix, &path)?;
                append::foresee(&place, &appending(asked, change, b""))?;
            }
            Ok((Sink::Memory(writing.append_max), None))
        }
        Change::Replace => {
            let files = context.topics.lookups.files();
            let place = find_place(writing, files, prefix, &path)?;
            let before = place.file()?;
            // Said again when the body is there; but a large one need not come for nothing.
            terms(asked, write).check(before.as_deref())?;
            let temporary = Temporary::create(&place, write.framing.length())?;
            let upload = Upload {
                temporary: Some(temporary.in_place_of(before.as_deref())?),
                verifier: write.digests.as_ref().map(Verifier::new),
                ..Upload::default()
            };
            Ok((Sink::Store, Some(Box::new(upload))))
        }
        Change::Move { .. } | Change::Delete => Ok((Sink::Memory(0), None)),
    }
}

/// The path of a name that may be written, and the prefix that it is below.
pub(super) fn find_prefix<'a>(
    write: &'a WriteHead,
    writing: &Writing,
) -> Result<(Path, (usize, &'a [u8])), WriteFailure> {
    let path = match &write.target {
        Ok(Target::Path(path)) => path,
        Ok(Target::Nowhere | Target::Asterisk) | Err(_) => return Err(WriteFailure::Missing),
    };
    let mut prefixes = writing.prefixes.iter();
    let is_prefix = prefixes.any(|prefix| prefix.name() == &*path.name);
    match writing.prefixes.find(path) {
        _ if writing.prefixes.is_empty() => Err(WriteFailure::OnlyJobs),
        _ if is_prefix => Err(WriteFailure::Directory),
        None => Err(WriteFailure::NotWritable),
        Some(_) if path.slash => Err(WriteFailure::Directory),
        Some(prefix) => Ok((path.clone(), prefix)),
    }
}

/// Who may write what. Before anything is said of the target.
pub(super) fn permit(
    asked: &ParsedRequest,
    write: &WriteHead,
    right: Right,
    slot: &Slot,
    context: &mut Context,
) -> Result<(), WriteFailure> {
    if let Err(invalid) = &write.target {
        return Err(WriteFailure::Fault(Fault {
            status: Status::BadRequest,
            line: invalid.explain(),
            fields: "",
        }));
    }
    if let Some(tokens) = &mut context.tokens {
        let tokens = tokens.get();
        let permit = |path| {
            let permitted = tokens.permit(&asked.request.credentials, path, right, context.date);
            permitted.map_err(WriteFailure::Unauthorized)
        };
        permit(write.path())?;
        if let Ok(Change::Move { destination, .. }) = &write.change {
            permit(Some(destination))?;
        }
    }
    let writing = context.writing.as_ref().expect("writing is on");
    if let Some(origin) = &write.origin
        && !writing.origins.permit(origin)
        && !is_own(slot, origin)
    {
        return Err(WriteFailure::ForeignPage);
    }
    Ok(())
}

/// Whether a page comes from the very address that it writes to: that is a listening address, also of a listener for all
/// addresses.
fn is_own(slot: &Slot, origin: &[u8]) -> bool {
    slot.stream.local_address().is_some_and(|address| {
        let mut own = Origins::default();
        own.add_address(&address.0, address.1);
        own.permit(origin)
    })
}

pub(super) fn find_place(
    writing: &Writing,
    files: &Files,
    (index, name): (usize, &[u8]),
    path: &Path,
) -> Result<Place, WriteFailure> {
    Place::find(files, writing.prefix(index), name, path)
}

pub(super) fn terms<'a>(asked: &'a ParsedRequest, write: &WriteHead) -> replace::Terms<'a> {
    replace::Terms {
        conditions: &asked.request.conditions,
        expected: write.expected,
    }
}

/// An append of these bytes, as the head of its request wants it.
pub(super) fn appending<'a>(
    asked: &'a ParsedRequest,
    change: &Change,
    bytes: &'a [u8],
) -> Append<'a> {
    let (at, seal) = match change {
        Change::AppendAt { offset, complete } => (Some(*offset), *complete),
        _ => (None, false),
    };
    Append {
        conditions: &asked.request.conditions,
        expected: at.or(asked.write_head().expected),
        idempotent: at.is_some(),
        seal,
        unattended: false,
        durable: asked.write_head().preferences.fsync,
        bytes,
    }
}
