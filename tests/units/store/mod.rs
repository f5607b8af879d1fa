//! `store`.

mod generations;
