//! Who follows what: the followed names of one worker, the watches that tell of them, and whom to drive next.

pub mod directories;
pub mod event_subscriptions;
pub mod fanout;
pub mod generations;
pub mod registry;
pub mod rolls;
pub mod watcher;
