//! Contract 9: many clients, bad clients, bad days of the machine.

pub mod crowds;
mod faults;
mod hostile;
mod refused;
mod stalled;
mod unwatched;
