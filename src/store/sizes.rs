//! How long files were when any worker last looked at them, also when nobody has them open any more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::http::conditional::ETag;
use crate::limits::SIZES_MAX;

/// The last sizes of some thousand files, each with the identity of its file, and the identities of files whose tags alone
/// are remembered.
#[derive(Debug, Default)]
pub struct Sizes {
    sizes: Table,
    identities: Table,
}

/// What is known of some thousand keys. The key also gives the place: one that gets the place of another one makes the server
/// forget that one.
#[derive(Debug)]
struct Table(Mutex<Vec<(u64, u64)>>);

impl Default for Table {
    fn default() -> Table {
        // Zeros take no memory until something is written there.
        Table(Mutex::new(vec![(0, 0); SIZES_MAX]))
    }
}

impl Sizes {
    /// A file was seen with this size.
    pub fn remember(&self, identity: u64, size: u64) {
        self.sizes.put(identity, size);
    }

    /// The size that a file was seen with last, if that is remembered.
    #[must_use]
    pub fn last(&self, identity: u64) -> Option<u64> {
        self.sizes.get(identity)
    }

    /// Somebody will ask for the last size of the file with this tag.
    pub fn remember_tag(&self, etag: ETag, identity: u64) {
        self.identities.put(etag.0, identity);
    }

    /// The file with this tag was seen with this size.
    pub fn remember_of(&self, etag: ETag, size: u64) {
        if let Some(identity) = self.identities.get(etag.0) {
            self.remember(identity, size);
        }
    }

    /// The size that the file with this tag was seen with last, if both are remembered.
    #[must_use]
    pub fn last_of(&self, etag: ETag) -> Option<u64> {
        self.last(self.identities.get(etag.0)?)
    }
}

impl Table {
    fn put(&self, key: u64, value: u64) {
        self.lock()[place(key)] = (key, value);
    }

    fn get(&self, key: u64) -> Option<u64> {
        let (of, value) = self.lock()[place(key)];
        (of == key).then_some(value)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Identities and tags are hashes: any bits of them will do.
fn place(key: u64) -> usize {
    usize::try_from(key % SIZES_MAX as u64).expect("less than a usize")
}
