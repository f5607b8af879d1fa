//! Contract 4: the end of a tail, and whoever goes on behind it.

mod ends;
mod restart;
mod rolls;
mod unsealed;
