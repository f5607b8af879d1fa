//! How long files were when any worker last looked at them, also when nobody has them open any more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::SIZES_MAX;

/// The last sizes of some thousand files, each with the identity of its file, which also gives its place: a file that gets
/// the place of another one makes the server forget that one.
#[derive(Debug)]
pub struct Sizes(Mutex<Vec<(u64, u64)>>);

impl Default for Sizes {
    fn default() -> Sizes {
        // Zeros take no memory until something is written there.
        Sizes(Mutex::new(vec![(0, 0); SIZES_MAX]))
    }
}

impl Sizes {
    /// A file was seen with this size.
    pub fn remember(&self, identity: u64, size: u64) {
        self.lock()[place(identity)] = (identity, size);
    }

    /// The size that a file was seen with last, if that is remembered.
    #[must_use]
    pub fn last(&self, identity: u64) -> Option<u64> {
        let (of, size) = self.lock()[place(identity)];
        (of == identity).then_some(size)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Identities are hashes: any bits of them will do.
fn place(identity: u64) -> usize {
    usize::try_from(identity % SIZES_MAX as u64).expect("less than a usize")
}
