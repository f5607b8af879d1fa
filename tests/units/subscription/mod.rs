//! `subscription`.

mod changelog;
