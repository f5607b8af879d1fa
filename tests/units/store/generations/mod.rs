//! `store::generations`.

mod families;
mod family;
mod order;
mod scan;
