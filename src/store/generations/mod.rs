//! Generations: the files that have a name now or had it before, which of them is where, and what comes after which.
//!
//! Two sources say that. What the server saw ([`history`]) is certain; names and times ([`family`], [`order`]) serve for
//! the rest: rolls that happened while nobody watched, or before the server started. A look at the directory ([`scan`]) is
//! taken in a thread ([`finder`]).

pub mod fact;
pub mod families;
pub mod family;
pub mod finder;
pub mod gaps;
pub mod history;
pub mod journal;
pub mod json;
pub mod links;
pub mod looks;
pub mod moves;
pub mod order;
pub mod report;
pub mod scan;
