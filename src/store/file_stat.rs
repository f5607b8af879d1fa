//! What is measured of an open file.

/// A look at an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Bytes.
    pub size: u64,
    /// Nobody may write it: `mode & 0222 == 0`.
    pub sealed: bool,
    /// Seconds since 1970.
    pub(super) modified: i64,
    /// The same of the last change of any kind.
    pub(super) changed: i64,
    pub(super) links: u32,
}
