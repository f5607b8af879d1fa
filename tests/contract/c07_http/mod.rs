//! Contract 7: HTTP/1.1.

mod framing;
mod protocol;
