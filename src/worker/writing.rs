//! Writing over HTTP: stores the body of a request and carries the request out once the body is there.

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use slab::Slab;

use super::accounting::answer_begins;
use super::completions::{Completion, Completions};
use super::context::Context;
use super::hints::tell_written;
use super::refusals;
use super::slot::Slot;
use super::upload::{Commit, Held, Upload};
use super::write_decision::{Decision, appending, decide, find_place, terms};
use crate::connection::Action;
use crate::http::digest::Verifier;
use crate::http::write::{Change, WriteHead};
use crate::intent::ParsedRequest;
use crate::limits::{LOCK_PATIENCE, LOCK_PAUSE};
use crate::receipt::{Receipt, WriteFailure};
use crate::response::Terms;
use crate::store::append::{Append, Appended};
use crate::store::commit::{Job, Waiting};
use crate::store::place::{Place, Stop, failure, failure_at};
use crate::store::relocate;
use crate::store::replace::Temporary;

/// Requests that wait for the disk.
struct Ticket {
    completions: Arc<Completions>,
    slots: Vec<usize>,
    number: u64,
}

impl Waiting for Ticket {
    fn finish(self: Box<Self>, result: Result<(), Errno>) {
        self.completions.post(Completion::Commit {
            slots: self.slots,
            number: self.number,
            result,
        });
    }
}

/// What the disk has said. True if somebody was waiting for it.
pub(super) fn committed(slot: &mut Slot, number: u64, result: Result<(), Errno>) -> bool {
    // The client may have gone in this very turn.
    let Some(upload) = slot
        .upload
        .as_mut()
        .filter(|_| slot.machine.body().is_some())
    else {
        return false;
    };
    upload.commit = match (&upload.commit, result) {
        (Commit::Body(expected), Ok(())) if *expected == number => Commit::BodyDone,
        (Commit::All(expected, receipt), Ok(())) if *expected == number => {
            Commit::Done(Ok(*receipt))
        }
        (Commit::Body(expected), Err(error)) if *expected == number => {
            Commit::Done(Err(failure(error)))
        }
        (Commit::All(expected, receipt), Err(error)) if *expected == number => {
            Commit::Done(Err(failure_at(error, Some(receipt.size))))
        }
        _ => return false,
    };
    slot.machine.committed();
    true
}

/// Begins a writing request whose head has come.
pub(super) fn begin(slot: &mut Slot, context: &mut Context) {
    let Action::Open(Ok(asked)) = slot.machine.action() else {
        return;
    };
    let decision = decide(asked, slot, context);
    begin_as(decision, slot, context);
}

/// Begins a request with what was decided of it.
pub(super) fn begin_as(decision: Decision, slot: &mut Slot, context: &mut Context) {
    match decision {
        Ok((sink, upload)) => {
            slot.upload = upload;
            slot.machine.accepted(sink, context.now);
        }
        Err(failure) => answer(slot, context, Err(failure)),
    }
}

/// Carries out the next action of a writing request.
pub(super) fn go_on(slot: &mut Slot, key: usize, context: &mut Context) {
    match slot.machine.action() {
        Action::Store(_) => store(slot, context),
        Action::Write(..) => write(slot, key, context),
        Action::Refuse(failure) => answer(slot, context, Err(failure)),
        _ => {}
    }
}

/// Stores what has come of a body.
fn store(slot: &mut Slot, context: &mut Context) {
    let Action::Store(content) = slot.machine.action() else {
        return;
    };
    let upload = slot.upload.as_mut().expect("a body that is stored");
    if let Some(verifier) = &mut upload.verifier {
        verifier.update(content);
    }
    let temporary = upload.temporary.as_mut().expect("a body that is stored");
    match temporary.write(content) {
        Ok(()) => slot.machine.stored(),
        Err(failure) => answer(slot, context, Err(failure)),
    }
}

/// Carries a request out, now that its body is there, or goes on with it.
fn write(slot: &mut Slot, key: usize, context: &mut Context) {
    let Action::Write(asked, content) = slot.machine.action() else {
        return;
    };
    let commit = slot.upload.as_ref().map(|upload| &upload.commit);
    if let Some(Commit::Done(outcome)) = commit {
        let outcome = *outcome;
        return answer(slot, context, outcome);
    }
    let waits = asked.write_head().preferences.fsync;
    if waits && let Some(file) = body_to_commit(slot.upload.as_deref()) {
        let job = (Some(file), Vec::new());
        return wait_for_disk(slot, key, context, job, Commit::Body);
    }
    let result = carry_out(asked, content, &mut slot.upload, context);
    // What was looked up in this turn is older than this, also if it failed: something may be written all the same.
    context.topics.end_turn();
    match result {
        Ok(written) => match waits {
            false => answer(slot, context, Ok(written.receipt)),
            true => {
                let job = (written.file, written.directories);
                let all = |number| Commit::All(number, written.receipt);
                wait_for_disk(slot, key, context, job, all);
            }
        },
        Err(Stop::Failed(failure)) => answer(slot, context, Err(failure)),
        Err(Stop::Locked) => postpone(slot, context),
    }
}

/// The body of a PUT that must be on disk before it gets its name.
fn body_to_commit(upload: Option<&Upload>) -> Option<Arc<OwnedFd>> {
    let upload = upload.filter(|upload| matches!(upload.commit, Commit::Idle))?;
    upload.temporary.as_ref().map(Temporary::file)
}

/// Lets a thread put something on disk.
fn wait_for_disk(
    slot: &mut Slot,
    key: usize,
    context: &mut Context,
    (file, directories): (Option<Arc<OwnedFd>>, Vec<Arc<OwnedFd>>),
    commit: impl FnOnce(u64) -> Commit,
) {
    context.commits += 1;
    let commit = commit(context.commits);
    let upload = slot.upload.get_or_insert_default();
    let temporary = upload.temporary.as_ref();
    let mode = match &commit {
        Commit::All(_, receipt) => receipt.sealed || temporary.is_some(),
        // The mode must be there before the name is: it may forbid others to read.
        _ => true,
    };
    upload.commit = commit;
    slot.machine.committing();
    let writing = context.writing.as_ref().expect("writing is on");
    writing.commits.add(Job {
        file,
        mode,
        directories,
        waiting: ticket(vec![key], context),
    });
}

/// Lets a thread put on disk what these requests have appended to one file.
pub(super) fn wait_together(
    waiting: &[(usize, Receipt)],
    slots: &mut Slab<Slot>,
    context: &mut Context,
    (file, directory): (Arc<OwnedFd>, Arc<OwnedFd>),
) {
    context.commits += 1;
    for &(key, receipt) in waiting {
        let slot = &mut slots[key];
        let upload = slot.upload.get_or_insert_default();
        upload.commit = Commit::All(context.commits, receipt);
        slot.machine.committing();
    }
    let keys = waiting.iter().map(|(key, _)| *key).collect();
    let writing = context.writing.as_ref().expect("writing is on");
    writing.commits.add(Job {
        file: Some(file),
        mode: false,
        directories: vec![directory],
        waiting: ticket(keys, context),
    });
}

/// That of the commit that was counted last.
fn ticket(slots: Vec<usize>, context: &Context) -> Box<Ticket> {
    Box::new(Ticket {
        completions: Arc::clone(&context.completions),
        slots,
        number: context.commits,
    })
}

/// A request that was carried out, and what is to be put on disk for it.
struct Written {
    receipt: Receipt,
    file: Option<Arc<OwnedFd>>,
    directories: Vec<Arc<OwnedFd>>,
}

fn carry_out(
    asked: &ParsedRequest,
    content: &[u8],
    upload: &mut Option<Box<Upload>>,
    context: &mut Context,
) -> Result<Written, Stop> {
    let write = asked.write_head();
    let writing = context.writing.as_ref().expect("writing is on");
    let change = write.change.as_ref().expect("it was accepted");
    let path = write.path().expect("it was accepted");
    if !is_intact(write, content, upload) {
        return Err(WriteFailure::WrongDigest.into());
    }
    let files = context.topics.lookups.files();
    let prefix = writing.prefixes.find(path).expect("it was accepted");
    let place = || find_place(writing, files, prefix, path);
    let terms = terms(asked, write);
    let durable = write.preferences.fsync;
    // To be opened before anything is done: whoever hears that a request failed does it again.
    let directory = |place: &Place| {
        let directory = durable.then(|| place.open_directory().map(Arc::new));
        directory.transpose().map_err(failure)
    };
    let mut directories = Vec::new();
    let (receipt, file) = match change {
        Change::Append { .. } | Change::AppendAt { .. } => {
            let (index, name) = prefix;
            let place = (writing.prefix(index), name);
            let append = |what: &Append<'_>| context.appenders.append(files, place, path, what);
            let appended = append_to(asked, change, content, append)?;
            directories.extend(appended.directory);
            (appended.receipt, Some(appended.file))
        }
        Change::Replace => {
            let temporary = upload.as_mut().and_then(|upload| upload.temporary.as_mut());
            let temporary = temporary.expect("a body that is stored");
            let place = place()?;
            directories.extend(directory(&place)?);
            let receipt = temporary.publish(&place, &terms)?;
            let file = temporary.late_mode().then(|| temporary.file());
            (receipt, file)
        }
        Change::Move {
            destination,
            overwrite,
        } => {
            let prefix = writing.prefixes.find(destination).expect("it was accepted");
            let to = find_place(writing, files, prefix, destination).map_err(|why| match why {
                WriteFailure::NoDirectory => WriteFailure::NoDestination,
                why => why,
            })?;
            let from = place()?;
            for place in [&to, &from] {
                directories.extend(directory(place)?);
            }
            relocate::rename(&from, &to, &terms, *overwrite, durable)?
        }
        Change::Delete => {
            let place = place()?;
            directories.extend(directory(&place)?);
            (relocate::delete(&place, &terms)?, None)
        }
    };
    Ok(Written {
        receipt,
        file,
        directories,
    })
}

fn append_to(
    asked: &ParsedRequest,
    change: &Change,
    content: &[u8],
    append: impl FnOnce(&Append<'_>) -> Result<Appended, Stop>,
) -> Result<Appended, Stop> {
    let bytes: Cow<'_, [u8]> = match line_end(change, content) {
        b"" => content.into(),
        end => [content, end].concat().into(),
    };
    let what = appending(asked, change, &bytes);
    if bytes.is_empty() && !what.seal {
        return Err(WriteFailure::Empty.into());
    }
    append(&what)
}

/// What is appended behind this content: a line end, where the request wants one and there is none.
pub(super) fn line_end(change: &Change, content: &[u8]) -> &'static [u8] {
    let line = matches!(change, Change::Append { line: true });
    match line && !content.is_empty() && !content.ends_with(b"\n") {
        true => b"\n",
        false => b"",
    }
}

/// Whether the content has the digest that its sender gave. It is checked once for each request.
fn is_intact(write: &WriteHead, content: &[u8], upload: &mut Option<Box<Upload>>) -> bool {
    let Some(digests) = &write.digests else {
        return true;
    };
    match upload.as_mut().filter(|upload| upload.temporary.is_some()) {
        Some(upload) => upload.is_intact(),
        None => {
            let mut verifier = Verifier::new(digests);
            verifier.update(content);
            verifier.matches()
        }
    }
}

/// Lets a request wait because somebody else has the lock of the file: it tries again soon, but not forever.
pub(super) fn postpone(slot: &mut Slot, context: &mut Context) {
    let upload = slot.upload.get_or_insert_default();
    let (since, pause) = upload.waits.unwrap_or((context.now, LOCK_PAUSE.0));
    if context.now - since >= LOCK_PATIENCE {
        return answer(slot, context, Err(WriteFailure::Locked));
    }
    upload.waits = Some((since, (pause * 2).min(LOCK_PAUSE.1)));
    slot.machine.postponed(context.now + pause);
}

/// Keeps account of the memory that a body holds while its connection waits. False if there is none for it.
pub(super) fn account(slot: &mut Slot, context: &Context) -> bool {
    let (Some(body), Some(writing)) = (slot.machine.body(), &context.writing) else {
        return true;
    };
    let bytes = body.held();
    let known = slot.upload.as_ref().and_then(|upload| upload.held.as_ref());
    if known.map_or(0, |held| held.bytes) == bytes {
        return true;
    }
    let upload = slot.upload.get_or_insert_default();
    let held = upload.held.get_or_insert_with(|| Held {
        memory: Arc::clone(&writing.memory),
        bytes: 0,
    });
    let has_room = held.set(bytes);
    if !has_room {
        slot.machine.overloaded();
    }
    has_room
}

pub(super) fn answer(
    slot: &mut Slot,
    context: &mut Context,
    outcome: Result<Receipt, WriteFailure>,
) {
    slot.upload = None;
    let (outcome, why) = match outcome {
        Ok(receipt) => (Ok(receipt), None),
        Err(failure) => {
            let path = slot.machine.written_path();
            let (failure, why) = refusals::explain_refusal(path, failure, context);
            (Err(failure), why)
        }
    };
    let writable = context.writing.as_ref().map(|writing| &*writing.prefixes);
    let terms = Terms {
        now: context.timestamp(),
        cors: context.cors.as_ref(),
        writable,
        jobs: context.jobs.as_ref().map(|jobs| &jobs.prefix),
        waited: None,
        delimiter_key: context.delimiter_key,
    };
    let written = outcome.is_ok();
    let (asked, summary) = slot.machine.written(outcome, terms);
    if let Some(hints) = context.hints.as_ref().filter(|_| written) {
        tell_written(hints, &asked);
    }
    answer_begins(slot, context, &asked, summary, why.as_deref());
}
