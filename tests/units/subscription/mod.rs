//! `subscription`.

mod changelog;
mod matches;
