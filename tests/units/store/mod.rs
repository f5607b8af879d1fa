//! `store`.

mod generations;
mod mounts;
