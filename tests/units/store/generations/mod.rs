//! `store::generations`.

mod families;
mod family;
mod finder;
mod history;
mod journal;
mod json;
mod look;
mod looks;
mod order;
mod report;
mod scan;
