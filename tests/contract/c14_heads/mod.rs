//! Contract 14: many heads, and the names under which one may be addressed.

mod hosts;
mod identity;
mod remote;
