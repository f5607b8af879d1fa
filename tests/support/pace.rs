//! How many of many cases are tried.

/// All of them; but one in 97 by an interpreter (Miri), which is some hundred times slower. A prime, so that the cases
/// that are left differ in every digit when they are numbered by digits.
pub fn some<T>(cases: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    cases.step_by(if cfg!(miri) { 97 } else { 1 })
}
