//! `http`.

mod accept;
mod authorization;
mod chunked;
mod conditional;
mod cors;
mod date;
mod differential;
mod head;
mod media;
mod pattern;
mod position;
mod query;
mod range;
mod request;
mod sse;
mod target;
