//! Contract 10: readers who were away.

mod list;
mod select;
mod streams;
mod tails;
