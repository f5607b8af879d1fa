//! `follow`.

mod fanout;
mod rolled_logs;
mod rolls;
mod topics;
mod watcher;
