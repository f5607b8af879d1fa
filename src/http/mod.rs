//! The protocol, pure: no descriptor, no clock, no path look-up. Bytes and numbers in, decisions and bytes out.
//!
//! Read [`request`] first, then [`range`] and [`conditional`] (what is asked), then [`head`], [`chunked`] and
//! [`sse`] (what is written).

pub mod accept;
pub mod authorization;
pub mod base64;
pub mod calendar;
pub mod chunked;
pub mod conditional;
pub mod cookie;
pub mod cors;
pub mod date;
pub mod digest;
pub mod etag;
mod grant;
pub mod head;
pub mod host;
pub mod json_value;
pub mod list_query;
pub mod media;
pub mod origin;
pub mod packed;
pub mod pattern;
pub mod position;
pub mod prefer;
pub mod prefix;
pub mod proxy_protocol;
pub mod query;
pub mod range;
mod refusal;
pub mod request;
pub mod request_body;
mod request_fields;
pub mod request_line;
pub mod response;
pub mod response_body;
pub mod sse;
pub mod target;
pub mod viewer;
pub mod write;
