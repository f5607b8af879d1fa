//! `store::generations`.

mod families;
mod family;
mod history;
mod order;
mod scan;
