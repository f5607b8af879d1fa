//! `follow`.

mod fanout;
mod watcher;
