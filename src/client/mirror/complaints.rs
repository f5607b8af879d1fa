//! What a mirror has said of things that fail, so that each line comes once until that works again.

use crate::http::conditional::ETag;
use crate::limits::MIRROR_COMPLAINTS;
use crate::sorted::SortedMap;

/// What was said of one thing since it worked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Said(Vec<Box<str>>);

impl Said {
    /// Whether this is new; too many different lines are no news either.
    pub fn is_new(&mut self, line: &str) -> bool {
        let is_known = self.0.iter().any(|said| **said == *line);
        let is_new = !is_known && self.0.len() < MIRROR_COMPLAINTS;
        if is_new {
            self.0.push(line.into());
        }
        is_new
    }

    /// It works.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

/// What was said of the files.
#[derive(Debug, Default)]
pub struct Complaints {
    files: SortedMap<ETag, Said>,
    /// Of connections: what befalls one mostly befalls all.
    connections: Said,
}

impl Complaints {
    /// Whether this is new of a file.
    pub fn is_new(&mut self, etag: ETag, why: &str) -> bool {
        self.files.get_or_insert(etag, Said::default()).is_new(why)
    }

    /// Whether it is new that a connection broke for this reason; it was to bring a file.
    pub fn is_new_of_connections(&mut self, etag: ETag, why: &str) -> bool {
        let of_any = self.connections.is_new(why);
        self.is_new(etag, why) && of_any
    }

    /// The server has answered.
    pub fn answered(&mut self) {
        self.connections.clear();
    }

    /// Of this file all is here.
    pub fn works(&mut self, etag: ETag) {
        self.files.remove(&etag);
    }

    /// Others are not listed any more.
    pub fn retain(&mut self, mut fits: impl FnMut(ETag) -> bool) {
        self.files.retain(|etag, _| fits(*etag));
    }
}
