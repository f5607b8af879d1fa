//! The writing requests of a turn. All of them are carried out before the first one is answered: so the work of one kind comes in
//! a row. Requests that only append to the same file share one write(2), in the order in which they came: for each of them
//! that is as if it had come alone.

use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use slab::Slab;

use super::context::Context;
use super::drive;
use super::open::open;
use super::slot::Slot;
use super::upload::{Commit, Upload};
use super::writing::{answer, line_end, wait_together};
use crate::action::Action;
use crate::http::conditional::Conditions;
use crate::http::target::Path;
use crate::http::write::Change;
use crate::limits::APPEND_TOGETHER_MAX;
use crate::receipt::{Receipt, WriteFailure};
use crate::sorted::sort_by;
use crate::store::records::Records;

/// Carries out what these connections write, as far as their bodies have come. Nothing is sent.
pub(super) fn write(keys: &[usize], slots: &mut Slab<Slot>, context: &mut Context) {
    if context.writing.is_none() {
        return;
    }
    let mut appending = Vec::new();
    for &key in keys {
        let slot = &mut slots[key];
        if let Action::Open(Ok(asked)) = slot.machine.action()
            && context.writes(asked)
        {
            open(slot, key, context);
            if !writes(slot) {
                context.note_request(key);
            }
        }
        if plain_append(slot, context).is_some() {
            appending.push(key);
        } else {
            write_alone(slot, key, context);
        }
    }
    if appending.len() > 1 {
        let path = |key: &usize| slots[*key].machine.written_path().map(|path| &path.name);
        // Stable: what came first is written first.
        sort_by(&mut appending, |a, b| path(a).cmp(&path(b)));
        append_together(&appending, slots, context);
    }
    for key in appending {
        write_alone(&mut slots[key], key, context);
    }
}

/// Whether a request is to be carried out now.
fn writes(slot: &Slot) -> bool {
    matches!(
        slot.machine.action(),
        Action::Store(_) | Action::Write(..) | Action::Refuse(_)
    )
}

fn write_alone(slot: &mut Slot, key: usize, context: &mut Context) {
    while writes(slot) {
        drive::write(slot, key, context);
        // It may be long: its turns come between those of others.
        let compares = |upload: &Upload| upload.comparison.is_some();
        if slot.upload.as_deref().is_some_and(compares) {
            return;
        }
    }
}

/// The path and the record of a request that appends whatever the file is like. The record comes in two parts.
fn plain_append<'a>(slot: &'a Slot, context: &Context) -> Option<(&'a Path, [&'a [u8]; 2])> {
    let Action::Write(asked, content) = slot.machine.action() else {
        return None;
    };
    let (write, upload) = (asked.write_head(), slot.upload.as_deref());
    let (path, change) = (write.path()?, write.change.as_ref().ok()?);
    let is_plain = matches!(change, Change::Append { .. })
        && !content.is_empty()
        && write.expected.is_none()
        && write.digests.is_none()
        && asked.request.conditions == Conditions::default();
    let is_new =
        upload.is_none_or(|upload| upload.job.is_none() && matches!(upload.commit, Commit::Idle));
    let jobs = context.jobs.as_ref();
    let is_of_job = jobs.is_some_and(|jobs| jobs.prefix.covers(path));
    (is_plain && is_new && !is_of_job).then(|| (path, [content, line_end(change, content)]))
}

/// Carries out those of these requests, which are in the order of their paths, that share a file.
fn append_together(keys: &[usize], slots: &mut Slab<Slot>, context: &mut Context) {
    let mut records = mem::take(&mut context.appenders.records);
    let mut keys = keys;
    while !keys.is_empty() {
        records.clear();
        let path = gather(keys, slots, context, &mut records);
        let (count, _) = records.count();
        let (these, others) = keys.split_at(count.max(1));
        keys = others;
        let durable = these.iter().any(|&key| wants_disk(&slots[key]));
        let (outcomes, disk) = match path {
            Some(path) if count > 1 => append_all(path, &records, durable, context),
            _ => Default::default(),
        };
        let mut waiting = Vec::new();
        for (&key, outcome) in these.iter().zip(outcomes) {
            match outcome {
                Ok(receipt) if wants_disk(&slots[key]) => waiting.push((key, receipt)),
                outcome => answer(&mut slots[key], context, outcome),
            }
            context.note_request(key);
        }
        if let Some(disk) = disk.filter(|_| !waiting.is_empty()) {
            wait_together(&waiting, slots, context, disk);
        }
    }
    context.appenders.records = records;
}

/// Whether a request wants what it writes on disk before it is answered.
fn wants_disk(slot: &Slot) -> bool {
    match slot.machine.action() {
        Action::Write(asked, _) => asked.write_head().preferences.fsync,
        _ => false,
    }
}

/// Gathers the records of the first requests that have one path, which it gives.
fn gather<'a>(
    keys: &[usize],
    slots: &'a Slab<Slot>,
    context: &Context,
    records: &mut Records,
) -> Option<&'a Path> {
    let mut common = None;
    for &key in keys {
        let (path, [record, end]) = plain_append(&slots[key], context)?;
        let bytes = records.count().1 + record.len() + end.len();
        if bytes > APPEND_TOGETHER_MAX || common.is_some_and(|common| common != path) {
            break;
        }
        common = Some(path);
        records.add(record, end);
    }
    common
}

/// Appends records to the file of this path. Returns what became of the first ones and, if they are `durable`, what is to be put
/// on disk: file and directory. Nothing is written if those cannot be had.
fn append_all(
    path: &Path,
    records: &Records,
    durable: bool,
    context: &mut Context,
) -> (Vec<Result<Receipt, WriteFailure>>, Option<OnDisk>) {
    let writing = context.writing.as_ref().expect("writing is on");
    let files = context.topics.lookups.files();
    let Some((index, _)) = writing.prefixes.find(path) else {
        return Default::default();
    };
    let mut disk = None;
    if durable {
        disk = context.appenders.get(path).and_then(|appender| {
            let directory = appender.directory().ok()?;
            Some((appender.file(), directory))
        });
        if disk.is_none() {
            return Default::default();
        }
    }
    let prefix = writing.prefix(index);
    let outcomes = context.appenders.append_all(files, prefix, path, records);
    // What was looked up in this turn is older than this.
    context.topics.end_turn();
    (outcomes, disk)
}

/// File and directory.
type OnDisk = (Arc<OwnedFd>, Arc<OwnedFd>);
