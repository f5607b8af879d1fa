//! Contract 10: readers who were away.

mod hurried;
mod large;
mod late;
mod list;
mod logrotate;
mod patterns;
mod remembered;
mod select;
mod stepwise;
mod streams;
mod tails;
