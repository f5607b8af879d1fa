//! Contract 6: identity and conditions.

mod conditions;
mod identity;
mod overlay;
mod ways;
