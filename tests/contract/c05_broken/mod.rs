//! Contract 5: broken streams.

mod broken;
mod file_systems;
mod truncation;
mod unseen;
