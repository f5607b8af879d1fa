//! Contract 8: paths.

mod directories;
mod links;
mod listings;
mod resolution;
mod targets;
