//! How a [`Follower`] finds the generation to begin with, or to go on with: by the list of generations.

use super::follower::{Follower, Outcome};
use super::generations::{Generations, Next};
use super::in_words::first_line;
use super::lines::Flush;
use super::position::Position;
use super::settings::{From, Until};
use super::step::{Purpose, Step};
use crate::http::response::{ContentRange, ResponseHead};
use crate::limits::CLIENT_GONE_TRIES;

impl Follower {
    /// The list of generations is there.
    pub(super) fn found(&mut self, list: &Generations, purpose: Purpose) {
        if purpose != Purpose::Verify {
            self.progressed();
        }
        // Whatever else is forgotten: this one tells which of the list are newer.
        let known = list.newest_known(&self.position);
        if let Some(known) = known.filter(|&known| self.position.generation != Some(known)) {
            self.position.remember(known);
        }
        match purpose {
            Purpose::Start => self.start(list),
            Purpose::Verify if self.position.generation.is_some_and(|tag| list.has(tag)) => {
                self.missed();
            }
            Purpose::Verify => self.enter(Step::Reason),
            Purpose::Latest => match list.current().and_then(|current| current.etag) {
                Some(tag) => {
                    // Those between are passed over, and must not count as new later.
                    list.before_current()
                        .into_iter()
                        .for_each(|tag| self.position.remember(tag));
                    self.pass_to(tag);
                }
                None => self.look_again(Step::Find(purpose)),
            },
            Purpose::Next | Purpose::Oldest => match list.after(&self.position) {
                Next::Generation { gap: true, .. } if purpose == Purpose::Next => {
                    self.gap("was followed by one that is gone, or of which only a compressed copy is left");
                }
                Next::Generation { etag, .. } => self.pass_to(etag),
                Next::Nothing => self.only_known(list, purpose),
            },
        }
    }

    /// The list has only what came before. A file that has the name again, or that has its former tag again because the
    /// server forgot a truncation, is what is left behind a gap: nobody knows how much of it was handed over.
    fn only_known(&mut self, list: &Generations, purpose: Purpose) {
        let current = list.current().and_then(|current| current.etag);
        let generation = self.position.generation;
        match (purpose, generation, current) {
            (Purpose::Oldest, Some(here), Some(tag)) if here == tag => self.enter(Step::Tail),
            (Purpose::Oldest, _, Some(tag)) => self.pass_to(tag),
            (Purpose::Next, Some(here), Some(tag)) if here != tag => {
                self.gap("was followed by a file that had the name before");
            }
            // Perhaps it is back.
            (Purpose::Next, Some(_), _) => self.look_again(Step::Tail),
            _ => self.look_again(Step::Find(purpose)),
        }
    }

    fn look_again(&mut self, step: Step) {
        if self.settings.until == Until::CaughtUp {
            return self.end(Outcome::Success, Flush::Lines);
        }
        let until = self.look.begin(self.now());
        self.pause(step, until);
    }

    /// There is no position yet.
    fn start(&mut self, list: &Generations) {
        let earlier = list.before_current();
        let Some(current) = list.current() else {
            // The next one that comes is the first.
            self.position.earlier = earlier;
            self.changed(true);
            return self.absent("no such file yet");
        };
        let Some(tag) = current.etag else {
            return self.refused("no tag");
        };
        self.position = Position {
            earlier,
            ..Position::start_of(tag)
        };
        match self.settings.from {
            From::Start => {}
            From::End => self.position.offset = current.size,
            From::Lines(count) => {
                // Known only when the response is there.
                self.position.generation = None;
                return self.enter(Step::LastLines(count));
            }
        }
        self.arrived();
        self.enter(Step::Tail);
    }

    /// Where the last lines begin.
    pub(super) fn last_lines(&mut self, head: &ResponseHead) {
        let first = match (head.status, head.range) {
            (206, Some(ContentRange::Open { first, .. } | ContentRange::Slice { first, .. })) => {
                Some(first)
            }
            (416, Some(ContentRange::Unsatisfied { size })) => Some(size),
            (200, _) => Some(0),
            _ => None,
        };
        let (Some(tag), Some(first)) = (head.etag, first) else {
            return self.refused("neither tag nor range");
        };
        self.position.generation = Some(tag);
        self.position.offset = first;
        self.arrived();
        self.enter(Step::Tail);
    }

    /// There is no list: nothing has or had the name.
    pub(super) fn nothing_found(&mut self, purpose: Purpose, document: &[u8]) {
        match purpose {
            Purpose::Verify => self.missed(),
            Purpose::Start => {
                self.absent(&first_line(document));
            }
            Purpose::Next if self.position.generation.is_some() => self.look_again(Step::Tail),
            purpose => self.look_again(Step::Find(purpose)),
        }
    }

    /// The name was never seen to have a file.
    fn absent(&mut self, why: &str) {
        if self.settings.fail {
            return self.end(Outcome::Failure(format!("404: {why}")), Flush::No);
        }
        self.complain(format!("404: {why}; waiting for it"));
        // Its end is here: whatever comes is behind that, also after a restart.
        if std::mem::replace(&mut self.settings.from, From::Start) != From::Start {
            self.changed(true);
        }
        let purpose = match self.position.earlier.is_empty() {
            true => Purpose::Start,
            false => Purpose::Next,
        };
        let until = self.look.begin(self.now());
        self.pause(Step::Find(purpose), until);
    }

    /// The generation is not there, but it may be only a moment.
    fn missed(&mut self) {
        self.missed += 1;
        if self.missed >= CLIENT_GONE_TRIES {
            return self.enter(Step::Reason);
        }
        let until = self.retry.begin(self.now());
        self.pause(Step::Tail, until);
    }
}
