//! The list of a directory comes in pages, each of which says where the next one is. Pure.
//!
//! A file that is renamed meanwhile may be on two pages, or on none: a list of several pages is like lists of several
//! directories.

use super::listing::{Listing, Page};
use crate::limits::MIRROR_QUERY_MAX;
use crate::time::Moment;

/// The pages that are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// What they list.
    listing: Listing,
    /// How many they are.
    pub count: usize,
    /// When the first one was requested.
    pub begun: Moment,
    /// Bytes of them, as they came.
    pub bytes: usize,
    /// The query of the next one.
    next: Box<str>,
    /// The name that is last in order.
    last: Box<[u8]>,
}

/// Why a list lacks what comes after its last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server does not say where it goes on.
    NoNext,
    /// The next page is not one of this list, or is one that was here before.
    Astray,
    /// The lists have more bytes than a mirror holds.
    Full,
}

impl Cut {
    /// For people.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Cut::NoNext => "the directory has more entries than the server lists",
            Cut::Astray => "the pages of the list do not lead from one to the next",
            Cut::Full => "the lists are longer than a mirror can hold",
        }
    }
}

/// What a page makes of a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Turned {
    /// Another one comes.
    More,
    /// It was the last one.
    Over(Option<Cut>),
}

impl Pages {
    /// None is here. `now`: the first one is requested.
    #[must_use]
    pub fn new(now: Moment) -> Pages {
        Pages {
            listing: Listing::default(),
            count: 0,
            begun: now,
            bytes: 0,
            next: Box::default(),
            last: Box::default(),
        }
    }

    /// The query of the page to be requested: empty for the first one.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.next
    }

    /// The next page is here, of so many bytes. `free`: bytes that it may have.
    pub fn add(&mut self, page: Page, size: usize, free: usize) -> Turned {
        if size > free {
            return self.cut(Cut::Full);
        }
        // In order, so that no page comes twice.
        if self.count > 0 && page.first.as_ref().is_some_and(|first| *first <= self.last) {
            return self.cut(Cut::Astray);
        }
        (self.count, self.bytes) = (self.count + 1, self.bytes + size);
        self.listing.files.extend(page.listing.files);
        self.listing.directories.extend(page.listing.directories);
        self.listing.paths.extend(page.listing.paths);
        if let Some(last) = page.last {
            self.last = last;
        }
        match page.next {
            None if page.listing.partial => self.cut(Cut::NoNext),
            None => Turned::Over(None),
            Some(next) if *next == *self.next || !is_query(&next) => self.cut(Cut::Astray),
            Some(next) => {
                self.next = next;
                Turned::More
            }
        }
    }

    fn cut(&mut self, why: Cut) -> Turned {
        self.listing.partial = true;
        Turned::Over(Some(why))
    }

    /// All that they list.
    #[must_use]
    pub fn into_listing(self) -> Listing {
        self.listing
    }
}

/// Whether a reference leads to the same path with another query (RFC 3986 section 4.2), and can stand in a request.
fn is_query(reference: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    reference.starts_with('?') && reference.len() <= MIRROR_QUERY_MAX && reference.bytes().all(fits)
}
