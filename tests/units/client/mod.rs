//! What `openrange follow` and `mirror` are made of.

mod answers;
mod catalog;
mod documents;
mod exchange;
mod follower;
mod gauge;
mod generations;
mod idleness;
mod late;
mod late_gone;
mod late_tail;
mod lines;
mod mirror;
mod pace;
mod plan;
mod progress;
mod requests;
mod restless;
mod room;
mod state_file;
mod steps;
mod talk;
mod torn;
