//! The protocol, pure: no descriptor, no clock, no path look-up. Bytes and numbers in, decisions and bytes out.
//!
//! Read [`request`] first, then [`range`] and [`conditional`] (what is asked), then [`head`], [`chunk`], [`events`] and
//! [`topics`] (what is written).

pub mod accept;
pub mod authorization;
pub mod chunk;
pub mod conditional;
pub mod cors;
pub mod date;
pub mod events;
pub mod head;
pub mod media;
pub mod pattern;
pub mod query;
pub mod range;
pub mod request;
pub mod target;
pub mod topics;
pub mod viewer;
