//! What a command line asks for.

use crate::client::mirror::run::Options as MirrorOptions;
use crate::client::run::Options as FollowOptions;
use crate::hooks::options::HookOptions;
use crate::jobs::work::options::WorkOptions;
use crate::server::options::Options;

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A text to print: that of `--help`, or the version.
    Print(String),
    /// Serve.
    Serve(Box<Options>),
    /// Follow a log.
    Follow(Box<FollowOptions>),
    /// Work on jobs.
    Work(Box<WorkOptions>),
    /// Tell of the ends of jobs.
    Hooks(Box<HookOptions>),
    /// Mirror a file or a directory.
    Mirror(Box<MirrorOptions>),
}
