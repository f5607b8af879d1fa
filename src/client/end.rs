//! How `openrange follow` or `mirror` ended.

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Success,
    /// Not; why.
    Failure(String),
    /// A generation is gone.
    Gap(String),
    /// Another follower uses the state file.
    Locked(String),
}
