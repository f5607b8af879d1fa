//! Contract 9: many clients, bad clients, bad days of the machine.

pub mod crowds;
mod faults;
mod hostile;
mod refused;
mod slow_readers;
mod stalled;
mod unwatched;
