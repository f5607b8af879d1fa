//! System calls: epoll, sockets, signals, privileges, inherited descriptors. Nothing here knows HTTP.

pub mod address;
pub mod datagrams;
pub mod epoll;
pub mod inherited;
pub mod network;
mod not_accepted;
pub mod privileges;
pub mod rights;
pub mod seccomp;
pub mod signals;
mod socket_file;
pub mod sockets;
pub(crate) mod sys;
pub mod system_calls;
pub mod threads;
pub mod unix_queues;

pub use sys::{end_with_parent, keep_ends_of_children, monotonic, random, random_bytes};
