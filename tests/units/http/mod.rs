//! `http`.

mod accept;
mod authorization;
mod chunk;
mod conditional;
mod cors;
mod date;
mod differential;
mod events;
mod head;
mod media;
mod pattern;
mod query;
mod range;
mod request;
mod target;
mod topics;
