//! Server-sent events.

mod directory_events;
mod file;
mod groups;
mod topic_lists;
