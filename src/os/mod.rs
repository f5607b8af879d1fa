//! System calls: epoll, sockets, privileges, inherited descriptors. Nothing here knows HTTP.

pub mod epoll;
pub mod inherited;
pub mod privileges;
pub mod sockets;
pub(crate) mod sys;

pub use sys::monotonic;
