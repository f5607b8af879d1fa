//! What a server sends others that serve the same files: that a name is worth checking.

/// Something has happened to a name. It is a reason to check, not a fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// The name, below the root.
    pub name: Box<[u8]>,
    /// What has happened.
    pub kind: HintKind,
}

/// What has happened to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HintKind {
    /// Its file has another size.
    Changed,
    /// It leads to another file, or to none.
    Rolled,
}
