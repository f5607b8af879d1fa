//! What a subscriber gets, pure: tails, event streams, the names that these follow, the changes of a directory.
//!
//! Terms of this folder: a stream *rests* when it has sent all that there is, and waits for news. A *member* is one of the
//! names that an event stream follows. A *place* is where the client is in the files of one name: the position after the
//! last event, and the positions in earlier files. A file is *late* when it has lost its name, and somebody may still append
//! to it. A field `look` says that something may have changed, so that the file or directory must be checked again before the
//! stream may rest.

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
