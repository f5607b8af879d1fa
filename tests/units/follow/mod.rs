//! `follow`.

mod fanout;
mod rolls;
mod watcher;
