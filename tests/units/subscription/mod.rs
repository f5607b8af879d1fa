//! `subscription`.

mod changelog;
mod end;
mod matches;
mod streams;
