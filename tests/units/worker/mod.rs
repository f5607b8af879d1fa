//! `worker`.

mod deadlines;
mod slot;
mod timers;
