//! Contract 2: whole files and finite ranges.

pub mod finite;
mod hot;
mod ranges;
