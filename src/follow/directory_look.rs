//! How far a look at a directory has come.

use std::collections::HashSet;

use crate::store::listing::Scan;
use crate::subscription::entry::Entry;

/// A look under way, by what it stats next.
pub(super) enum Look {
    /// All names.
    Scan { scan: Scan, found: Found },
    /// Names that were known and that the scan has not found: it may miss a name that changes meanwhile.
    Missing { names: Vec<Box<[u8]>>, found: Found },
    /// Names that have changed.
    Changed {
        names: Vec<Box<[u8]>>,
        entries: Vec<(Vec<u8>, Option<Entry>)>,
    },
}

/// What a scan has found.
pub(super) struct Found {
    pub(super) entries: Vec<(Vec<u8>, Entry)>,
    /// How many new entries still fit into the list.
    pub(super) room: usize,
    pub(super) truncated: bool,
    /// Known names that it has not found yet.
    pub(super) unseen: HashSet<Box<[u8]>>,
}

/// How far a look has come.
pub(super) enum Progress {
    /// It continues in the next turn.
    Slice,
    /// It is over. True if there is news.
    Done(bool),
}
