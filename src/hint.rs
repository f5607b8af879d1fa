//! What a head tells others that serve the same files: that it is worth to look at a name.

/// Something has happened to a name. It is a reason to look, and no fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// The name, below the root.
    pub name: Box<[u8]>,
    /// What has happened.
    pub what: News,
}

/// What has happened to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum News {
    /// Its file has another size.
    Changed,
    /// It leads to another file, or to none.
    Rolled,
}
