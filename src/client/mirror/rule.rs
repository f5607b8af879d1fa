//! What is mirrored and how, and why a mirror ends.

use crate::client::settings::OnGap;
use crate::client::state_file::Unusable;
use crate::limits::{MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX};

/// What is mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A directory: the path as it is sent, with its slash.
    Directory(Box<str>),
    /// One file and its earlier generations: the path as it is sent.
    File(Box<str>),
}

/// How.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What.
    pub subject: Subject,
    /// Of a directory also those below it.
    pub recursive: bool,
    /// Remove what was removed.
    pub delete: bool,
    /// End at a refusal.
    pub fail: bool,
    /// End when everything is here.
    pub once: bool,
    /// Flush copies to the disk each second.
    pub fsync: bool,
    /// When a generation is gone.
    pub on_gap: OnGap,
    /// How long late writes to a rolled file are looked for.
    pub late: std::time::Duration,
}

impl Rule {
    /// Why a directory is left out.
    #[must_use]
    pub fn why_left_out(&self) -> String {
        match self.recursive {
            false => "--recursive mirrors those below too".into(),
            true => format!(
                "a mirror goes {MIRROR_DEPTH} directories deep, and has {MIRROR_DIRECTORIES_MAX} at most"
            ),
        }
    }
}

/// Why a mirror ends.
#[derive(Debug)]
pub enum End {
    /// Something failed for good.
    Failure(String),
    /// A generation is gone.
    Gap(String),
    /// The directory of the copies cannot be used.
    Unusable(Unusable),
}
