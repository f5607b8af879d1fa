//! `store`.

mod generations;
mod listing;
mod mounts;
mod redo;
