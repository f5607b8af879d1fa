//! What becomes of a file when bytes of it were asked for and did not come.

use super::engine::Engine;
use super::rule::{End, Subject};
use crate::client::pause::Pause;
use crate::http::conditional::ETag;
use crate::limits::{CLIENT_GONE_TRIES, CLIENT_RETRY, MIRROR_SETTLE};
use crate::time::Moment;

impl Engine {
    /// The file is not at the name where the list has it, or that has another one: mostly the list is older. `why`: the status.
    pub fn absent(&mut self, etag: ETag, why: &str, now: Moment) {
        let count = self.absent.get_or_insert(etag, 0);
        *count += 1;
        // A list has come after each of them.
        if *count == CLIENT_GONE_TRIES && self.listed.contains_key(&etag) {
            let name = self.tree.name(etag);
            self.reports.push(format!(
                "{name}: {why}, although the list has it; trying again"
            ));
        }
        self.elsewhere(etag, now);
    }

    /// It is there, after all.
    pub(super) fn found(&mut self, etag: ETag) {
        let count = self.absent.remove(&etag);
        if count.is_some_and(|count| count >= CLIENT_GONE_TRIES) {
            let name = self.tree.name(etag);
            self.reports.push(format!("{name} is there again"));
        }
    }

    /// Nothing came of a file or its copy: the next list says more.
    pub fn elsewhere(&mut self, etag: ETag, now: Moment) {
        self.hold(etag, now);
        if self.tree.size(etag).is_none() {
            // Somebody has removed its copy, perhaps with all others; the next list makes another one.
            self.behind.remove(&etag);
        }
        self.list_around(etag, now + MIRROR_SETTLE);
    }

    /// The file has nothing behind its copy, and what the copy ends with.
    pub fn at_end(&mut self, etag: ETag, now: Moment) {
        match self.listed.get(&etag) {
            Some(file) if self.tree.size(etag) == Some(file.size) => {
                self.compared.insert(etag, file.modified);
                self.behind.remove(&etag);
                self.held.remove(&etag);
                self.found(etag);
                self.complaints.works(etag);
            }
            _ => self.elsewhere(etag, now),
        }
    }

    /// No tail of the file has anything to wait for: it is sealed, which the next list says too.
    pub fn sealed(&mut self, etag: ETag, now: Moment) {
        self.hot.remove(&etag);
        self.elsewhere(etag, now);
    }

    /// The file is no longer what its copy begins with, which the server did not see: it was truncated, or written over.
    pub fn begun_again(&mut self, etag: ETag, what: &str, now: Moment) {
        let name = self.tree.name(etag);
        self.reports
            .push(format!("{name} {what}; its copy begins again"));
        if let Err(error) = self.tree.truncate(etag) {
            self.end = Some(End::Failure(error.to_string()));
        }
        self.list_around(etag, now + MIRROR_SETTLE);
    }

    /// A copy failed; it may work later.
    pub fn failed(&mut self, etag: ETag, why: &str, now: Moment) {
        let is_refusal = ["401", "403"].iter().any(|status| why.starts_with(status));
        if self.rule.fail && is_refusal && matches!(self.rule.subject, Subject::File(_)) {
            self.end = Some(End::Failure(why.into()));
            return;
        }
        let is_new = self.complaints.is_new(etag, why);
        self.try_again(etag, why, is_new, now);
    }

    /// The connection that brought bytes of a file broke.
    pub fn cut(&mut self, etag: ETag, why: &str, now: Moment) {
        let is_new = self.complaints.is_new_of_connections(etag, why);
        self.try_again(etag, why, is_new, now);
    }

    fn try_again(&mut self, etag: ETag, why: &str, is_new: bool, now: Moment) {
        if is_new {
            let name = self.tree.name(etag);
            self.reports.push(format!("{name}: {why}; trying again"));
        }
        self.hold(etag, now);
    }

    pub(super) fn hold(&mut self, etag: ETag, now: Moment) {
        let (next, pause) = self
            .held
            .get_or_insert(etag, (now, Pause::new(CLIENT_RETRY)));
        *next = pause.begin(now);
    }
}
