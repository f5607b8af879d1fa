//! What a [`Follower`] does when something went wrong: a generation is gone, a response is none that it can use, or there is no
//! connection.

use super::exchange::Broken;
use super::follower::{Follower, Outcome};
use super::in_words::{self, refusal};
use super::lines::Flush;
use super::settings::OnGap;
use super::step::{Purpose, Step};
use crate::http::conditional::ETag;
use crate::limits::{CLIENT_GONE_TRIES, CLIENT_RETRY};
use crate::time::Moment;

impl Follower {
    /// The generation of the position is gone, and it had not ended.
    pub(super) fn gone(&mut self, reason: &str) {
        self.gap(&format!("is gone ({reason})"));
    }

    /// The generation is still there, but its beginning is not what it was. Then it is itself the oldest that is left.
    pub(super) fn begun_again(&mut self, what: &str) {
        match self.position.generation {
            Some(tag) if self.settings.on_gap == OnGap::Oldest => {
                self.report(self.lost(tag, what));
                self.pass_to(tag);
            }
            _ => self.gap(what),
        }
    }

    fn lost(&self, tag: ETag, what: &str) -> String {
        let offset = self.offset();
        format!("generation {tag} {what}: what it had from byte {offset} on is lost")
    }

    /// Something is lost.
    pub(super) fn gap(&mut self, what: &str) {
        let lost = match self.position.generation {
            Some(tag) => self.lost(tag, what),
            // It began when no file had the name.
            None => String::from(
                "a generation that came before the first one is gone: what it had is lost",
            ),
        };
        let purpose = match self.settings.on_gap {
            OnGap::Fail => return self.end(Outcome::Gap(lost), Flush::All),
            OnGap::Oldest => Purpose::Oldest,
            OnGap::Latest => Purpose::Latest,
        };
        self.report(lost);
        // What is known to be lost is not reported again.
        self.over = true;
        self.missed = 0;
        self.enter(Step::Find(purpose));
    }

    /// The connection is no more, or there never was one.
    pub(super) fn connection_lost(&mut self, why: Broken) {
        if why == Broken::Stale {
            return self.enter(self.step);
        }
        self.tail_is_over();
        let why = in_words::broken(why);
        self.complain(format!("{why}; trying again"));
        (self.lost, self.proven) = (true, false);
        self.again(None);
    }

    /// A request found the generation, and the next one did not. A roll or a truncation between the two explains that, but not
    /// if it goes on: then this is true.
    pub(super) fn is_denied_again(&mut self) -> bool {
        self.denied = self.denied.saturating_add(1);
        self.denied >= CLIENT_GONE_TRIES
    }

    /// A response that says no.
    pub(super) fn refused_with(&mut self, status: u16, document: &[u8], retry_after: Option<u32>) {
        let why = refusal(status, document);
        if self.settings.fail && matches!(status, 400..=499) {
            return self.end(Outcome::Failure(why), Flush::No);
        }
        self.complain(format!("{why}; trying again"));
        self.again(retry_after);
    }

    /// A response that cannot be what was asked for.
    pub(super) fn refused(&mut self, why: &str) {
        self.complain(format!(
            "the response is not what was asked for: {why}; trying again"
        ));
        self.again(None);
    }

    /// Nothing more comes of the tail. If it has lasted, its server works.
    pub(super) fn tail_is_over(&mut self) {
        let since = std::mem::replace(&mut self.tailing_since, Moment::NEVER);
        if since < Moment::NEVER && since + CLIENT_RETRY.1 <= self.now() {
            self.retry.reset();
            self.complaint = None;
        }
    }

    fn again(&mut self, retry_after: Option<u32>) {
        if matches!(self.step, Step::Rest { .. }) {
            // That the generation is there is no progress.
            self.unserved = true;
        }
        let mut until = self.retry.begin(self.now());
        if let Some(seconds) = retry_after {
            until = until.max(self.now() + std::time::Duration::from_secs(seconds.min(60).into()));
        }
        let step = match self.step {
            Step::Rest { .. } | Step::Reason => Step::Locate,
            step => step,
        };
        self.pause(step, until);
    }

    /// Shows a line, unless it was the last one shown.
    pub(super) fn complain(&mut self, line: String) {
        if self.complaint.as_ref() != Some(&line) {
            self.report(line.clone());
            self.complaint = Some(line);
        }
    }
}
