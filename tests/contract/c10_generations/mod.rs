//! Contract 10: readers who were away.

mod late;
mod list;
mod remembered;
mod select;
mod streams;
mod tails;
