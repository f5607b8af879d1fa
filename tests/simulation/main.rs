//! Whole histories of the machine in worlds that are not real, by seed. One of it: `cargo test --test simulation groups`;
//! `OPENRANGE_SEED=7 OPENRANGE_SEEDS=20000` choose the first seed and how many.

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod disk;
mod follower;
mod groups;
mod histories;
mod jobs;
mod worlds;
mod writes;
