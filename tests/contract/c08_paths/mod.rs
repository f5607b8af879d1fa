//! Contract 8: paths.

mod directories;
mod listings;
mod resolution;
mod targets;
