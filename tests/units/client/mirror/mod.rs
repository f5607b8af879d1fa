//! What a mirror reads and decides, without a server: `openrange mirror`.

mod engine;
mod events;
mod listing;
mod pages;
mod tree;
mod waiting;
