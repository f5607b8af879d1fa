//! `openrange mirror`: copies of one file, or of the files of a directory, with the same names and the same rolls.
//!
//! A list tells which files the origin has; the mirror requests it when something but a size has changed: events of the
//! directory say so, or the end of a tail. [`plan`] compares it with the copies, by tag, and gives the steps; [`tree`] does
//! them; `engine` knows of which files bytes are missing; `lane` brings them; `run` is the loop. Of a tree, [`catalog`] has the
//! lists of all directories, each of which comes in [`pages`].

pub mod catalog;
pub mod channel;
mod circles;
mod complaints;
pub mod doubts;
pub mod engine;
pub mod events;
pub mod flusher;
mod further;
mod lane;
mod links;
pub mod listing;
mod lists;
mod missing;
mod moves;
mod names;
pub mod pages;
mod place;
pub mod plan;
mod records;
mod refusals;
pub mod room;
pub mod rule;
pub mod run;
pub mod stage;
pub mod steps;
mod tags;
pub mod tree;
mod watch;
