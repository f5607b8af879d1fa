//! Lists of large directories, which threads make: reading 100,000 names takes some 50 ms, and to sort them by size or time
//! each must be looked at. The request comes here again when its list is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use rustix::io::Errno;

use super::completions::{Completion, Completions, Made};
use crate::http::list_query::ListQuery;
use crate::http::target::Path;
use crate::limits::{LIST_STACK, LISTS_AT_ONCE};
use crate::store::directory_page;
use crate::store::listing::Form;
use crate::store::root::{Files, Node};

/// The lists of one worker that threads make, by the slot of the connection that waits.
pub struct Lists {
    mailbox: Arc<Completions>,
    lists: HashMap<usize, List>,
    /// The number of the last one.
    last: u64,
    /// How many are being made, also for clients that are gone.
    running: usize,
}

enum List {
    Pending(u64),
    Done(Made),
}

impl Lists {
    /// None yet.
    #[must_use]
    pub fn new(mailbox: Arc<Completions>) -> Lists {
        Lists {
            mailbox,
            lists: HashMap::new(),
            last: 0,
            running: 0,
        }
    }

    /// What was made for a slot. It is given once.
    pub(super) fn take(&mut self, slot: usize) -> Option<Made> {
        match self.lists.remove(&slot)? {
            List::Done(made) => Some(made),
            List::Pending(_) => None,
        }
    }

    /// A thread makes a list from now on.
    pub(super) fn begin(&mut self, slot: usize, order: Order) -> Result<(), Errno> {
        if self.running == LISTS_AT_ONCE {
            return Err(Errno::AGAIN);
        }
        let (number, mailbox) = (self.last + 1, Arc::clone(&self.mailbox));
        let post = move || {
            let made = order.make();
            mailbox.post(Completion::List { slot, number, made });
        };
        let thread = thread::Builder::new().name("list".into());
        if let Err(error) = thread.stack_size(LIST_STACK).spawn(post) {
            log::warn!("cannot start a thread to list a directory: {error}");
            return Err(Errno::AGAIN);
        }
        self.last = number;
        self.running += 1;
        self.lists.insert(slot, List::Pending(number));
        Ok(())
    }

    /// A list is made. True if its connection still waits for it.
    pub fn finish(&mut self, slot: usize, number: u64, made: Made) -> bool {
        self.running -= 1;
        match self.lists.get_mut(&slot) {
            Some(list @ List::Pending(_)) if list.is(number) => {
                *list = List::Done(made);
                true
            }
            _ => false,
        }
    }

    /// A connection is gone.
    pub fn forget(&mut self, slot: usize) {
        self.lists.remove(&slot);
    }
}

impl List {
    fn is(&self, number: u64) -> bool {
        matches!(self, List::Pending(pending) if *pending == number)
    }
}

/// A list that is to be made.
pub(super) struct Order {
    pub(super) files: Files,
    pub(super) path: Path,
    pub(super) form: Form,
    pub(super) query: ListQuery,
}

impl Order {
    fn make(&self) -> Made {
        let Order {
            files, path, form, ..
        } = self;
        let Node::Directory(directory) = files.find(&path.name, None)? else {
            return Err(Errno::NOTDIR);
        };
        directory_page::write(files, &directory, path, *form, &self.query, usize::MAX)?
            .ok_or(Errno::OVERFLOW)
    }
}
