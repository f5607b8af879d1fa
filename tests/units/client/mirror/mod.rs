//! What a mirror reads and decides, without a server: `openrange mirror`.

mod channel;
mod doubts;
mod engine;
mod events;
mod further;
mod listing;
mod pages;
mod quiet;
mod tree;
mod waiting;
