//! Who follows what: the followed names of one worker, the watches that tell of them, and whom to drive next.

pub mod absences;
mod change;
pub mod directories;
mod directory;
mod directory_look;
pub mod event_subscriptions;
pub mod fanout;
pub mod generations;
pub mod hints;
pub mod links;
pub mod look_up;
mod looks;
mod pending_hints;
pub mod polls;
mod rechecks;
mod registry;
mod rolled;
pub mod rolls;
mod site;
pub mod topic;
pub mod topics;
mod tree;
pub mod watcher;
mod watches;
