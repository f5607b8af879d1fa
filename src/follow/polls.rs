//! When to look at files of which inotify does not report every change: soon at those that grew lately, seldom at those that
//! rest.

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
    /// The longest pause between two looks.
    pub interval: Duration,
    /// How long a remote file is looked at after its name has gone.
    pub settle: Duration,
}

/// The next look at each polled topic.
pub(super) struct Polls {
    terms: PollTerms,
    /// Those of topics that are gone, or planned again, among them; each is passed over when its time comes.
    next: BinaryHeap<Reverse<(Moment, TopicId)>>,
    /// What a look costs.
    cost: Duration,
}

impl Polls {
    /// None is planned.
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

    /// How long a remote file is looked at after its name has gone.
    pub(super) fn settle(&self) -> Duration {
        self.terms.settle
    }

    /// The moment of the first look.
    pub(super) fn first(&self) -> Moment {
        self.next.peek().map_or(Moment::NEVER, |next| next.0.0)
    }

    /// Plans the next look at a topic, one of `count`.
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

    /// A topic whose time has come. The server looks at it, and plans the next look.
    pub(super) fn take(&mut self, now: Moment) -> Option<(TopicId, Moment)> {
        let Reverse((at, key)) = *self.next.peek()?;
        (at <= now).then(|| {
            self.next.pop();
            (key, at)
        })
    }

    /// A look at a topic has taken so long.
    pub(super) fn cost(&mut self, spent: Duration) {
        // The mean of the last eight or so.
        self.cost = (self.cost * 7 + spent) / 8;
    }
}
