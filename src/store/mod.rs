//! Files below ROOT: what a name leads to, what a file is, how long it is now, what a directory lists.

pub mod append;
pub mod appenders;
mod attributes;
pub mod cache;
pub mod commit;
pub mod directory_page;
mod evidence;
pub mod explain;
pub mod file;
pub mod file_stat;
pub mod file_system;
pub mod generations;
pub mod identity;
pub mod last_lines;
pub mod leftovers;
pub mod links;
pub mod listing;
pub mod lookup;
pub mod mounts;
pub mod place;
pub mod relocate;
pub mod remote;
pub mod replace;
pub mod resolved;
pub mod root;
mod steps;
pub mod truncations;
