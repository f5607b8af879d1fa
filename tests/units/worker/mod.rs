//! `worker`.

mod deadlines;
mod pauses;
mod slot;
mod timers;
