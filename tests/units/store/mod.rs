//! `store`.

mod file;
mod generations;
mod listing;
mod mounts;
mod redo;
mod sent_dates;
