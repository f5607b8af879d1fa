#![doc = include_str!("map.md")]
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod action;
pub mod cli;
pub mod client;
pub mod connection;
pub mod dialect;
pub mod follow;
pub mod guide;
pub mod hint;
pub mod hooks;
pub mod http;
pub mod intake;
pub mod intent;
pub mod job;
pub mod jobs;
pub mod limits;
pub mod log;
pub mod os;
pub mod readiness;
pub mod receipt;
pub mod resource;
pub mod response;
pub mod server;
pub mod sorted;
pub mod store;
pub mod subscription;
pub mod time;
pub mod versioned;
pub mod worker;
