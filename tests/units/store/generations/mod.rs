//! `store::generations`.

mod family;
mod order;
