//! Server-sent events.

mod absent;
mod directory_events;
mod file;
mod groups;
mod topic_lists;
mod trees;
