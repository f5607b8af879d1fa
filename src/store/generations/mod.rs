//! Generations: the files that have a name now or had it before, which of them is where, and what comes after which.
//!
//! Two sources say that. What the watcher saw ([`seen`]) is certain; names and times ([`family`], [`order`]) serve for the
//! rest: rolls that happened while nobody watched, or before the server started.

pub mod family;
pub mod order;
