//! `store`.

mod file;
mod generations;
mod listing;
mod mounts;
mod redo;
