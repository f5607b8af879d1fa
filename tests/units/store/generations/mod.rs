//! `store::generations`.

mod families;
mod family;
mod history;
mod journal;
mod json;
mod order;
mod report;
mod scan;
