//! `connection`.

mod transitions;
