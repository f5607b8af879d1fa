//! What `openrange follow` and `mirror` are made of.

mod answers;
mod documents;
mod plan;
mod state_file;
