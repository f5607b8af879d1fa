//! Which directories are listed when, and what becomes of an answer.

use super::engine::Engine;
use super::listing;
use super::rule::{End, Subject};
use crate::client::in_words::{first_line, is_directory};
use crate::client::settings::OnGap;
use crate::http::conditional::ETag;
use crate::http::target::encode;
use crate::limits::{MIRROR_FURTHER_NAMES, MIRROR_REST, MIRROR_SETTLE};
use crate::time::Moment;

impl Engine {
    /// The target of the next list, or of a page of it; `None`: none is due yet.
    #[must_use]
    pub fn begin_list(&mut self, now: Moment) -> Option<String> {
        self.list_due = Moment::NEVER;
        if let Subject::File(path) = &self.rule.subject {
            return Some(format!("{path}?generations"));
        }
        let Some(prefix) = self.catalog.next(now) else {
            self.list_due = self.catalog.deadline().unwrap_or(Moment::NEVER);
            return None;
        };
        self.asked = prefix.into();
        let target = self.directory_target(&self.asked);
        Some(target + self.catalog.begin(&self.asked, now))
    }

    /// The target of a directory.
    #[must_use]
    pub fn directory_target(&self, prefix: &[u8]) -> String {
        let (Subject::Directory(path) | Subject::File(path)) = &self.rule.subject;
        format!("{path}{}", encode(prefix))
    }

    /// The directories that are mirrored; those that are to be watched come first.
    pub fn directories(&self) -> impl Iterator<Item = &[u8]> {
        self.catalog.prefixes()
    }

    /// Whether there are directories of which no stream tells everything, so that lists have to.
    pub(super) fn polls(&self) -> bool {
        !self.rule.once && self.catalog.has_untold()
    }

    /// When a list is due, or something that follows from them.
    #[must_use]
    pub fn list_deadline(&self) -> Moment {
        let polls = self.polls().then_some(self.catalog.poll_due());
        let due = self.list_due.min(self.removal_due);
        due.min(polls.unwrap_or(Moment::NEVER))
    }

    /// Lists those directories, if it is time to.
    pub fn poll(&mut self, now: Moment) {
        if self.polls() && self.catalog.poll(now) {
            self.list_due = self.list_due.min(now);
        }
    }

    /// The stream of events of a directory has begun; `all`: it tells of all files there.
    pub fn stream_begun(&mut self, prefix: &[u8], all: bool, now: Moment) {
        self.catalog.told(prefix, all);
        self.list_soon_of(prefix, now);
    }

    /// The lists of last time are to come again soon.
    pub(super) fn list_soon(&mut self, now: Moment) {
        self.catalog.mark_fresh();
        self.list_due = self.list_due.min(now + MIRROR_SETTLE);
    }

    /// A list is to come soon: something has changed in this directory.
    pub fn list_soon_of(&mut self, prefix: &[u8], now: Moment) {
        self.catalog.mark(prefix);
        self.list_due = self.list_due.min(now + MIRROR_SETTLE);
    }

    /// The directory of a file is to be listed.
    pub(super) fn list_around(&mut self, etag: ETag, due: Moment) {
        match self.listed.get(&etag) {
            Some(file) => {
                let slash = file.name.iter().rposition(|&byte| byte == b'/');
                let prefix = &file.name[..slash.map_or(0, |slash| slash + 1)];
                self.catalog.mark(prefix);
            }
            None => self.catalog.mark_if(|_| true),
        }
        self.list_due = self.list_due.min(due);
    }

    /// A list is there, or a page of it.
    pub fn list(&mut self, status: u16, document: &[u8], now: Moment) {
        match self.rule.subject.clone() {
            Subject::Directory(_) => self.list_of_directory(status, document, now),
            Subject::File(path) => self.list_of_generations(&path, status, document, now),
        }
    }

    fn list_of_generations(&mut self, path: &str, status: u16, document: &[u8], now: Moment) {
        if status != 200 {
            return self.list_refused(status, document, now);
        }
        let above = &path[..=path.rfind('/').unwrap_or(0)];
        let all = self.rule.on_gap == OnGap::Oldest && self.tree.live.is_some();
        let listing = listing::generations(document, above, |file| {
            all || self.tree.size(file.etag).is_some()
        });
        match listing {
            None => self.list_failed(NO_LIST.into(), now),
            Some(listing) if self.answered() => self.apply(listing, now),
            Some(_) => {}
        }
    }

    fn list_of_directory(&mut self, status: u16, document: &[u8], now: Moment) {
        let asked = std::mem::take(&mut self.asked);
        match status {
            200 => {}
            // It went between two lists, or is a file now.
            301 | 404 if !asked.is_empty() => {
                self.catalog.gone(&asked, now);
                return self.listed_of_tree(true, now);
            }
            _ if !asked.is_empty() && !self.ends_at(status) => {
                let why = match status {
                    403 => first_line(document),
                    _ => format!("{status}: {}", first_line(document)),
                };
                return self.list_refused_below(&asked, status, &why, now);
            }
            _ => {
                self.catalog.again(lasts(status));
                return self.list_refused(status, document, now);
            }
        }
        let Some(page) = listing::directory(document) else {
            if !asked.is_empty() {
                return self.list_refused_below(&asked, status, NO_LIST, now);
            }
            self.catalog.again(true);
            return self.list_failed(NO_LIST.into(), now);
        };
        if !self.answered() {
            return;
        }
        let Some(is_new) = self.catalog.page(&asked, page, document.len()) else {
            self.list_due = now;
            return;
        };
        match self.rule.once {
            // No stream tells of what changed meanwhile.
            true => self.catalog.list_again(&asked),
            false => self.catalog.rest(&asked, now, MIRROR_REST),
        }
        self.listed_of_tree(is_new, now);
    }

    /// A list is as it should be. False if there can be no copies.
    fn answered(&mut self) -> bool {
        if let Err(why) = self.tree.establish() {
            self.end = Some(End::Unusable(why));
            return false;
        }
        self.retry.reset();
        self.outage.clear();
        self.complaints.answered();
        true
    }

    /// The list of one directory is there: are they all?
    fn listed_of_tree(&mut self, is_new: bool, now: Moment) {
        self.changed |= is_new;
        if let Some(due) = self.catalog.deadline() {
            self.list_due = self.list_due.min(due.max(now + MIRROR_SETTLE));
            // What changes all the time in some does not keep the others waiting.
            if !self.catalog.is_whole() {
                self.list_due = now;
                return;
            }
        }
        let waits = self.removal_due < Moment::NEVER || self.further.waits;
        if self.changed || waits || !self.settled || !self.rule.recursive {
            self.changed = false;
            let union = self.catalog.union();
            self.apply(union, now);
        }
    }

    /// Says which directories are left out: each once while the lists have it, and of many at once only how many they are.
    pub(super) fn tell_left_out(&mut self, directories: &[Box<[u8]>]) {
        let told = std::mem::take(&mut self.left_out);
        self.left_out = directories.iter().cloned().collect();
        let why = self.rule.why_left_out();
        let mut new = self.left_out.iter().filter(|name| !told.contains(&***name));
        for name in new.by_ref().take(MIRROR_FURTHER_NAMES) {
            let name = String::from_utf8_lossy(name);
            self.reports
                .push(format!("{name} is a directory and is left out: {why}"));
        }
        let more = new.count();
        if more > 0 {
            self.reports
                .push(format!("{more} more directories are left out: {why}"));
        }
    }

    /// Files of a directory may have several names.
    pub(super) fn note_further_names(&mut self, now: Moment) {
        if matches!(self.rule.subject, Subject::File(_)) {
            return;
        }
        let (files, chosen) = (&self.listing.files, &self.listed);
        self.further.take(files, chosen, &mut self.catalog, now);
        if self.further.waits {
            self.list_due = self.list_due.min(now + MIRROR_SETTLE);
        }
    }

    /// Whether a mirror ends when a list is refused in this way.
    fn ends_at(&self, status: u16) -> bool {
        self.rule.fail && status != 403 && matches!(status, 400..=499)
    }

    /// There is no list of a directory below the one that is mirrored: the others do not wait for it.
    fn list_refused_below(&mut self, asked: &[u8], status: u16, why: &str, now: Moment) {
        let lasts = lasts(status);
        let what = match lasts {
            true => "left as it is",
            false => "trying again",
        };
        let line = format!("{}: {why}; {what}", String::from_utf8_lossy(asked));
        if self.catalog.is_new_trouble(asked, &line) {
            self.reports.push(line);
        }
        match lasts {
            true => self.catalog.closed(asked),
            false => self.catalog.failed(asked, now),
        }
        self.listed_of_tree(true, now);
    }

    fn list_refused(&mut self, status: u16, document: &[u8], now: Moment) {
        if let (301, Subject::File(path), None) = (status, &self.rule.subject, self.tree.live)
            && is_directory(document)
        {
            let what = format!("it is a directory; did you mean {path}/ ?");
            self.end = Some(End::Failure(what));
            return;
        }
        let why = format!("{status}: {}", first_line(document));
        if self.rule.fail && matches!(status, 400..=499) {
            self.end = Some(End::Failure(why));
            return;
        }
        self.list_failed(why, now);
    }

    /// There is no list.
    pub fn list_failed(&mut self, why: String, now: Moment) {
        let asked = std::mem::take(&mut self.asked);
        let line = format!("{why}; trying again");
        if self.outage.is_new(&line) {
            self.reports.push(line);
        }
        let due = self.retry.begin(now);
        if asked.is_empty() {
            self.list_due = due;
            return;
        }
        self.catalog.failed(&asked, now);
        self.listed_of_tree(true, now);
        self.list_due = due;
    }
}

const NO_LIST: &str = "the list cannot be parsed";

/// Whether a later request would be answered in the same way: all of these but 408 and 429 (RFC 9110 section 15.5.9, RFC 6585).
fn lasts(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 429)
}
