//! What comes before the look-up of a request.

/// Whether the request is looked up now, or something comes before.
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
