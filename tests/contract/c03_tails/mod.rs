//! Contract 3: tails.

mod slow;
mod starts;
mod tails;
