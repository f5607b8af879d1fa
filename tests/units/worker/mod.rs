//! `worker`.

mod deadlines;
mod slot;
