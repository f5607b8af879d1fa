//! Slow and naive, but plainly right: what the real modules are compared with.

pub mod events;
pub mod range;
pub mod target;
