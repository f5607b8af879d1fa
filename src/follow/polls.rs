//! When to poll files of which inotify does not report every change: soon those that grew lately, seldom those that have been
//! idle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::topic::Topic;
use super::watcher::TopicId;
use crate::limits::{POLL_AGE, POLL_COST, POLL_FAST};
use crate::time::Moment;

/// How files are polled.
#[derive(Debug, Clone, Copy)]
pub struct PollTerms {
    /// The longest pause between two polls of a file.
    pub interval: Duration,
    /// How long a remote file is polled after its name has gone.
    pub settle: Duration,
}

/// The moment of the next poll of each polled topic.
pub(super) struct Polls {
    terms: PollTerms,
    /// The planned polls in order. Topics that are gone or planned again leave entries behind, which are skipped when they are
    /// due.
    next: BinaryHeap<Reverse<(Moment, TopicId)>>,
    /// How long a poll of one topic takes.
    cost: Duration,
}

impl Polls {
    /// No poll is planned yet.
    pub(super) fn new(terms: PollTerms) -> Polls {
        Polls {
            terms,
            next: BinaryHeap::new(),
            cost: Duration::ZERO,
        }
    }

    /// How files are polled.
    pub(super) fn terms(&self) -> PollTerms {
        self.terms
    }

    /// How long a remote file is polled after its name has gone.
    pub(super) fn settle(&self) -> Duration {
        self.terms.settle
    }

    /// The moment of the first planned poll.
    pub(super) fn first(&self) -> Moment {
        self.next.peek().map_or(Moment::NEVER, |next| next.0.0)
    }

    /// Plans the next poll of a topic, which is one of `count`.
    pub(super) fn plan(&mut self, key: TopicId, topic: &mut Topic, count: usize, now: Moment) {
        let at = now + self.pause(topic, count, now);
        if topic.poll.is_none_or(|planned| planned > at) {
            topic.poll = Some(at);
            self.next.push(Reverse((at, key)));
        }
    }

    /// How long a topic may rest. A log that has just grown will soon grow again, and one that has not grown for long will
    /// probably rest for as long again.
    fn pause(&self, topic: &Topic, count: usize, now: Moment) -> Duration {
        let longest = self.terms.interval;
        // What grows in a directory does not show in its size.
        let rests = topic.directory.is_some() && topic.leaving.is_none();
        let age = match topic.grew {
            Some(grew) if !rests => (now - grew) / POLL_AGE,
            _ => longest,
        };
        let looks = u32::try_from(count).unwrap_or(u32::MAX);
        let shortest = POLL_FAST.max(self.cost.saturating_mul(looks).saturating_mul(POLL_COST));
        let must_look = topic.leaving.is_some() || topic.file.is_doubted();
        if must_look {
            POLL_FAST
        } else {
            age.max(shortest)
        }
        .min(longest)
    }

    /// Takes a topic whose poll is due. The caller polls it, and plans the next poll.
    pub(super) fn take(&mut self, now: Moment) -> Option<(TopicId, Moment)> {
        let Reverse((at, key)) = *self.next.peek()?;
        (at <= now).then(|| {
            self.next.pop();
            (key, at)
        })
    }

    /// Takes how long a poll of a topic has taken.
    pub(super) fn cost(&mut self, spent: Duration) {
        // The mean of the last eight or so.
        self.cost = (self.cost * 7 + spent) / 8;
    }
}
