//! Contract 10: readers who were away.

mod list;
mod remembered;
mod select;
mod streams;
mod tails;
