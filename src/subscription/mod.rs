//! What a subscriber gets, pure: an event stream, the names that it follows, the changes of a directory.

mod advance;
pub mod backoff;
pub mod beginning;
pub mod caught_up;
pub mod changelog;
pub mod directory;
pub mod end;
pub mod entry;
pub mod event_stream;
pub mod file_set;
pub mod followed;
mod follows;
mod late;
pub mod matches;
pub mod name_follower;
mod names;
mod resting;
pub mod selection;
pub mod tail;
