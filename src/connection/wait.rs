//! What comes before what is asked for is looked up.

/// Whether what is asked for is looked up, or something comes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is looked up at once.
    No,
    /// A thread looks it up.
    ForThread,
    /// Something has to happen, or the moment in `since` has to come.
    Patient,
    /// It has; the moment is still there.
    Over,
}

impl Wait {
    pub(super) fn sleeps(self) -> bool {
        matches!(self, Wait::ForThread | Wait::Patient)
    }
}
