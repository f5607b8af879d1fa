//! Lists of large directories, which threads make: reading 100,000 names takes some 50 ms, and to sort them by size or time
//! takes a `statx` of each. The worker looks the request up again when its list is made.
//!
//! Clients that ask for the same list share it, but no client gets a list that was begun before its request had come. So of
//! each list at most one is being made, and one comes after it.

use std::collections::HashMap;
use std::sync::Arc;

use rustix::io::Errno;

use super::completions::{Completion, Completions, Made};
use crate::limits::{LIST_STACK, LISTS_AT_ONCE};
use crate::os::threads;
use crate::sorted::{SortedMap, SortedSet};
use crate::store::directory_page;
use crate::store::lookup::ListTerms;
use crate::store::root::{Files, Node};

/// The lists of one worker that threads make.
pub struct Lists {
    mailbox: Arc<Completions>,
    /// The lists under way, by their numbers.
    pending: SortedMap<u64, Pending>,
    /// The list that was made for each slot, until it is taken, and what it is a list of.
    made: HashMap<usize, (ListTerms, Made)>,
    /// The number of the last one.
    last: u64,
}

/// A list that is being made, or that will be when the same one is made that was begun before.
struct Pending {
    terms: ListTerms,
    /// The files to read the directory from; `None`: a thread makes the list already.
    files: Option<Files>,
    /// The slots of the connections that wait for it.
    waiters: SortedSet<usize>,
}

impl Lists {
    /// No lists yet.
    #[must_use]
    pub fn new(mailbox: Arc<Completions>) -> Lists {
        Lists {
            mailbox,
            pending: SortedMap::new(),
            made: HashMap::new(),
            last: 0,
        }
    }

    /// Takes the list that was made for a slot, if it is what is asked for now.
    pub fn take(&mut self, slot: usize, asked: impl FnOnce() -> Option<ListTerms>) -> Option<Made> {
        // Each look-up of a file comes here.
        if self.made.is_empty() {
            return None;
        }
        let (terms, made) = self.made.remove(&slot)?;
        (asked() == Some(terms)).then_some(made)
    }

    /// Lets a slot wait for this list. `files`: what to read the directory from.
    ///
    /// # Errors
    /// EAGAIN if too many are being made or no thread can start; EMFILE.
    pub fn begin(&mut self, slot: usize, terms: ListTerms, files: &Files) -> Result<(), Errno> {
        let same = |pending: &&mut Pending| pending.terms == terms;
        let last = self.pending.values_mut().rfind(same);
        let is_made = match last {
            Some(pending) if pending.files.is_some() => {
                pending.waiters.insert(slot);
                return Ok(());
            }
            last => last.is_some(),
        };
        let lists = self.pending.values();
        let running = lists.filter(|list| list.files.is_none()).count();
        if !is_made && running == LISTS_AT_ONCE {
            return Err(Errno::AGAIN);
        }
        self.last += 1;
        let pending = Pending {
            terms,
            files: Some(files.try_clone()?),
            waiters: SortedSet::from_iter([slot]),
        };
        self.pending.insert(self.last, pending);
        if is_made {
            return Ok(());
        }
        let result = self.start(self.last);
        if result.is_err() {
            self.pending.remove(&self.last);
        }
        result
    }

    /// Starts a thread that makes a list.
    fn start(&mut self, number: u64) -> Result<(), Errno> {
        let list = self.pending.get_mut(&number).expect("it is pending");
        let files = list.files.take().expect("it is not being made");
        let (terms, mailbox) = (list.terms.clone(), Arc::clone(&self.mailbox));
        let post = move || {
            let made = make(&terms, &files);
            mailbox.post(Completion::List { number, made });
        };
        match threads::start("list", Some(LIST_STACK), post) {
            Ok(_) => Ok(()),
            Err(error) => {
                log::warn!("cannot start a thread to list a directory: {error}");
                Err(Errno::AGAIN)
            }
        }
    }

    /// Takes a list from its thread. Returns the slots that wait for it.
    pub fn finish(&mut self, number: u64, made: &Made) -> Vec<usize> {
        let Some(Pending { terms, waiters, .. }) = self.pending.remove(&number) else {
            return Vec::new();
        };
        let mut ready: Vec<usize> = waiters.into_iter().collect();
        for &slot in &ready {
            self.made.insert(slot, (terms.clone(), made.clone()));
        }
        let mut pending = self.pending.iter();
        if let Some(&(next, _)) = pending.find(|(_, list)| list.terms == terms)
            && let Err(error) = self.start(next)
            && let Some(list) = self.pending.remove(&next)
        {
            for slot in list.waiters {
                self.made.insert(slot, (terms.clone(), Err(error)));
                ready.push(slot);
            }
        }
        ready
    }

    /// Forgets what a slot waits for: its connection is gone, or its request is answered.
    pub fn forget(&mut self, slot: usize) {
        self.made.remove(&slot);
        for list in self.pending.values_mut() {
            list.waiters.remove(&slot);
        }
        // One that is being made is made to its end.
        self.pending
            .retain(|_, list| list.files.is_none() || !list.waiters.is_empty());
    }
}

fn make(terms: &ListTerms, files: &Files) -> Made {
    let ListTerms {
        path, form, query, ..
    } = terms;
    let Node::Directory(directory) = files.find(&path.name, None)? else {
        return Err(Errno::NOTDIR);
    };
    directory_page::write(files, &directory, path, *form, query, usize::MAX)?.ok_or(Errno::OVERFLOW)
}
