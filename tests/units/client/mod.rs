//! What `openrange follow` and `mirror` are made of.

mod documents;
mod plan;
mod state_file;
