//! Contract 8: paths.

mod directories;
mod resolution;
mod targets;
