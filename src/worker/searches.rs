//! Searches for generations, which threads make for connections of this worker. When its search is over, a connection asks the
//! same question again, and gets the answer here; so a waiting request keeps nothing but its question. An answer serves only
//! the question for which its search began: a roll may come before a later question.

use std::sync::Arc;

use rustix::io::Errno;

use super::completions::Completions;
use crate::http::conditional::ETag;
use crate::sorted::SortedMap;
use crate::store::generations::finder::{Answer, Finder, Interest};
use crate::store::generations::looks::Wanted;

/// The searches of one worker.
pub struct Searches {
    finder: Finder,
    mailbox: Arc<Completions>,
    /// The number of the last search.
    last: u64,
    searches: SortedMap<Question, Search>,
    /// The questions under way, by the number of the search.
    asked: SortedMap<u64, Question>,
}

/// A question: the slot that asks, the name that it asks about, and what it wants to know.
type Question = (usize, Box<[u8]>, Purpose);

/// What a connection wants to know of the generations of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// All generations.
    List,
    /// Where this one is.
    Find(ETag),
    /// Where this one is, to send what is appended to it.
    Live(ETag),
    /// Where this earlier one is, to which somebody may still append.
    Late(ETag),
    /// How to go on from this one.
    Rest(ETag),
    /// What comes after this one, which was read to its end.
    Next(ETag),
}

impl Purpose {
    fn wanted(self) -> Wanted {
        match self {
            Purpose::List => Wanted::All,
            Purpose::Find(etag) | Purpose::Late(etag) | Purpose::Rest(etag) => Wanted::File(etag),
            Purpose::Live(etag) => Wanted::Live(etag),
            Purpose::Next(etag) => Wanted::After(etag),
        }
    }
}

enum Search {
    /// The thread does not begin it any more when this is gone.
    Pending(Interest),
    Done(Arc<Answer>),
}

impl Searches {
    /// No searches yet.
    #[must_use]
    pub fn new(finder: Finder, mailbox: Arc<Completions>) -> Searches {
        Searches {
            finder,
            mailbox,
            last: 0,
            searches: SortedMap::new(),
            asked: SortedMap::new(),
        }
    }

    /// The answer to a question. `None`: a search for it is under way, and the worker wakes the slot when it is over. Each answer
    /// is given once: the same question, asked again, begins another search.
    ///
    /// # Errors
    /// EAGAIN if there are too many searches or no thread can start.
    pub fn ask(
        &mut self,
        slot: usize,
        name: &[u8],
        purpose: Purpose,
    ) -> Result<Option<Arc<Answer>>, Errno> {
        let key = (slot, Box::from(name), purpose);
        match self.searches.remove(&key) {
            Some(Search::Done(answer)) => Ok(Some(answer)),
            Some(pending) => {
                self.searches.insert(key, pending);
                Ok(None)
            }
            None => {
                self.last += 1;
                let reply = Arc::clone(&self.mailbox);
                let wanted = purpose.wanted();
                let interest = self.finder.find(name, wanted, self.last, reply)?;
                self.asked.insert(self.last, key.clone());
                self.searches.insert(key, Search::Pending(interest));
                Ok(None)
            }
        }
    }

    /// Takes the answer of a search. Returns the slot that waits for it, if that is still there.
    pub fn finish(&mut self, number: u64, answer: &Arc<Answer>) -> Option<usize> {
        let question = self.asked.remove(&number)?;
        let search = self.searches.get_mut(&question)?;
        // The slot may be that of another connection by now, or have asked again.
        if !matches!(search, Search::Pending(pending) if pending.number() == number) {
            return None;
        }
        *search = Search::Done(Arc::clone(answer));
        Some(question.0)
    }

    /// Forgets the question of a slot, which was answered without a search.
    pub fn withdraw(&mut self, slot: usize, name: &[u8], purpose: Purpose) {
        if !self.searches.is_empty() {
            let question = (slot, Box::from(name), purpose);
            self.searches.remove(&question);
            self.asked.retain(|_, asked| *asked != question);
        }
    }

    /// Forgets all questions of a slot: its connection is gone, or its request is answered.
    pub fn forget(&mut self, slot: usize) {
        self.searches.retain(|(other, ..), _| *other != slot);
        self.asked.retain(|_, (other, ..)| *other != slot);
    }
}
