//! Searches for generations that connections of this worker wait for. A connection asks again when its search is over, and
//! then the answer is here: so a request that waits keeps nothing but its question.

use std::collections::HashMap;
use std::sync::Arc;

use rustix::io::Errno;

use super::completions::Completions;
use crate::sorted::SortedMap;
use crate::store::generations::finder::{Answer, Finder};

/// The searches of one worker.
pub struct Searches {
    finder: Finder,
    mailbox: Arc<Completions>,
    /// The number of the last search.
    last: u64,
    searches: SortedMap<Question, Search>,
    /// Who asked, by the number of the search.
    asked: HashMap<u64, Question>,
}

/// The slot that asks, and the name that it asks for.
type Question = (usize, Box<[u8]>);

enum Search {
    Pending,
    Done(Arc<Answer>),
}

impl Searches {
    /// None yet.
    #[must_use]
    pub fn new(finder: Finder, mailbox: Arc<Completions>) -> Searches {
        Searches {
            finder,
            mailbox,
            last: 0,
            searches: SortedMap::new(),
            asked: HashMap::new(),
        }
    }

    /// What the search of a slot for the generations of a name came to. `None`: it is under way from now on, and the slot
    /// is woken when it is over. An answer is given once: the next question begins another search.
    ///
    /// # Errors
    /// EAGAIN if there are too many searches or no thread can be had.
    pub fn ask(&mut self, slot: usize, name: &[u8]) -> Result<Option<Arc<Answer>>, Errno> {
        let key = (slot, Box::from(name));
        match self.searches.remove(&key) {
            Some(Search::Done(answer)) => Ok(Some(answer)),
            Some(pending) => {
                self.searches.insert(key, pending);
                Ok(None)
            }
            None => {
                self.last += 1;
                let reply = Arc::clone(&self.mailbox);
                self.finder.find(name, self.last, reply)?;
                self.asked.insert(self.last, key.clone());
                self.searches.insert(key, Search::Pending);
                Ok(None)
            }
        }
    }

    /// A search is over. Gives the slot that waits for it, if it is still there.
    pub fn finish(&mut self, number: u64, answer: &Arc<Answer>) -> Option<usize> {
        let question = self.asked.remove(&number)?;
        let search = self.searches.get_mut(&question)?;
        *search = Search::Done(Arc::clone(answer));
        Some(question.0)
    }

    /// A connection is gone, with all that it asked for.
    pub fn forget(&mut self, slot: usize) {
        self.searches.retain(|(other, _), _| *other != slot);
    }
}
