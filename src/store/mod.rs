//! Files below ROOT: what a name leads to, what a file is, how long it is now, what a directory lists.

pub mod cache;
pub mod file;
pub mod generations;
pub mod identity;
pub mod last_lines;
pub mod listing;
pub mod lookup;
pub mod root;
pub mod truncations;
