//! What a server could do wrong: its steps, changed.

use std::borrow::Cow;

use super::recording::{KEPT, Recording};
use super::trace::{Inode, Step, Sync};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// A file is put on disk before the last write to it.
    SyncBeforeWrite,
    /// Directories never are.
    NoDirectorySync,
    /// The data of another file are.
    WrongDescriptor,
    /// The answer comes before the sync.
    EarlyAnswer,
    /// The answer comes before the write.
    AnswerBeforeWrite,
    /// A file gets its name before its data are on disk.
    NameBeforeData,
    /// A file gets its name before it has its data.
    NameBeforeWrite,
    /// The disk fails, and the client gets a receipt.
    LostError,
    /// No record is noted.
    NoNotes,
    /// What the server before has left stays.
    NoCleaning,
    /// Only the data of a file are put on disk, also where its mode has changed.
    ModeNotSynced,
}

impl Fault {
    pub fn steps(self, recording: &Recording) -> Cow<'_, [Step]> {
        if matches!(self, Fault::None | Fault::NoCleaning) {
            return Cow::Borrowed(&recording.steps);
        }
        let mut steps = recording.steps.clone();
        match self {
            Fault::None | Fault::NoCleaning => unreachable!("no step changes"),
            Fault::SyncBeforeWrite => each(&mut steps, is_data_sync, |steps, at| {
                let inode = synced(&steps[at]);
                before(steps, at, |step| writes(step, inode));
            }),
            Fault::NoDirectorySync => {
                steps.retain(|step| !matches!(step, Step::SyncStart(_, Sync::Names(_))))
            }
            Fault::WrongDescriptor => steps.iter_mut().for_each(|step| {
                if let Step::SyncStart(_, Sync::Data(inode) | Sync::File(inode)) = step {
                    *inode = 0;
                }
            }),
            Fault::EarlyAnswer => each(&mut steps, is_promise, |steps, at| {
                before(steps, at, |step| matches!(step, Step::SyncStart(..)));
            }),
            Fault::AnswerBeforeWrite => each(&mut steps, is_answer, |steps, at| {
                before(steps, at, |step| matches!(step, Step::Write(..)));
            }),
            Fault::NameBeforeData => each(&mut steps, is_replacement, |steps, at| {
                let inode = named(&steps[at]);
                before(
                    steps,
                    at,
                    |step| matches!(step, Step::SyncStart(_, Sync::Data(other) | Sync::File(other)) if Some(*other) == inode),
                );
            }),
            Fault::NameBeforeWrite => each(&mut steps, is_replacement, |steps, at| {
                let inode = named(&steps[at]);
                before(steps, at, |step| writes(step, inode));
            }),
            Fault::LostError => steps.iter_mut().for_each(|step| {
                if let Step::SyncEnd(_, success) = step {
                    *success = false;
                }
            }),
            Fault::NoNotes => remove_notes(&mut steps),
            Fault::ModeNotSynced => steps.iter_mut().for_each(|step| {
                if let Step::SyncStart(_, what) = step
                    && let Sync::File(inode) = *what
                {
                    *what = Sync::Data(inode);
                }
            }),
        }
        Cow::Owned(steps)
    }
}

/// Does something at each step of a kind, the last one first.
fn each(
    steps: &mut Vec<Step>,
    is_meant: impl Fn(&Step) -> bool,
    mut change: impl FnMut(&mut Vec<Step>, usize),
) {
    for at in (0..steps.len()).rev() {
        if is_meant(&steps[at]) {
            change(steps, at);
        }
    }
}

/// Moves a step before the last one of a kind that is before it.
fn before(steps: &mut Vec<Step>, at: usize, is_meant: impl Fn(&Step) -> bool) {
    if let Some(other) = steps[..at].iter().rposition(is_meant) {
        let step = steps.remove(at);
        steps.insert(other, step);
    }
}

fn is_data_sync(step: &Step) -> bool {
    matches!(step, Step::SyncStart(_, Sync::Data(_) | Sync::File(_)))
}

fn synced(step: &Step) -> Option<Inode> {
    match step {
        Step::SyncStart(_, Sync::Data(inode) | Sync::File(inode)) => Some(*inode),
        _ => None,
    }
}

fn writes(step: &Step, inode: Option<Inode>) -> bool {
    matches!(step, Step::Write(other, _) if Some(*other) == inode)
}

fn is_answer(step: &Step) -> bool {
    matches!(
        step,
        Step::Answered {
            status: 200..300,
            ..
        }
    )
}

fn is_promise(step: &Step) -> bool {
    matches!(step, Step::Answered { fsync: true, .. })
}

fn is_replacement(step: &Step) -> bool {
    matches!(step, Step::Names(changes) if changes.iter().any(|(name, inode)| name == KEPT && inode.is_some()))
}

fn named(step: &Step) -> Option<Inode> {
    match step {
        Step::Names(changes) => changes.iter().find_map(|(_, inode)| *inode),
        _ => None,
    }
}

fn remove_notes(steps: &mut Vec<Step>) {
    let is_note = |changes: &[(String, Option<Inode>)]| {
        let mut names = changes.iter();
        names.any(|(name, _)| name.contains(".openrange-append-"))
    };
    let mut notes = Vec::new();
    steps.retain(|step| match step {
        Step::Names(changes) if is_note(changes) => {
            notes.extend(changes.iter().filter_map(|(_, inode)| *inode));
            false
        }
        Step::Write(inode, _) => !notes.contains(inode),
        _ => true,
    });
}
