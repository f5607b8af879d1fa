//! openrange: a directory of files as a log server, `tail -f` over plain HTTP ranges.
//!
//! The folders, each importing only those above it:
//!
//! - [`limits`], [`time`], [`readiness`], [`versioned`]: every limit with its reason; moments; what a poller reports; a
//!   value that is replaced now and then.
//! - [`http`]: the protocol, pure: heads, targets, ranges, conditions, chunks.
//! - [`subscription`]: what a subscriber gets, pure: event streams, names that are followed, changes of a directory.
//! - [`resource`]: what the name of a request leads to.
//! - [`intent`]: what a request asks for; [`dialect`] decides it, once.
//! - [`action`]: what a connection asks of whoever drives it.
//! - [`response`]: the head and the body of an answer.
//! - [`connection`]: the machine of one client, pure too; its module comment is the transition table.
//! - [`os`]: system calls: epoll, sockets, privileges.
//! - [`log`]: what the server writes about itself.
//! - [`store`]: the files below ROOT.
//! - [`follow`]: who follows what.
//! - [`worker`]: one thread: the loop, and `drive`, which does what a machine wants.
//! - [`cli`]: the arguments.
//! - [`server`]: binds, starts, reloads, ends; metrics, clients and health at a listener of their own.
//!
//! The [`guide`] is for users.
//!
//! To read the program, begin with `main`, then `server::run`, `worker::Worker::run`, `worker::drive::drive`,
//! [`connection::Connection`]. The library is there for the binary, its tests and its fuzz targets; its interface may
//! change with every version.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod action;
pub mod cli;
pub mod client;
pub mod connection;
pub mod dialect;
pub mod follow;
pub mod guide;
pub mod http;
pub mod intent;
pub mod jobs;
pub mod limits;
pub mod log;
pub mod os;
pub mod readiness;
pub mod receipt;
pub mod resource;
pub mod response;
pub mod server;
pub mod store;
pub mod subscription;
pub mod time;
pub mod versioned;
pub mod worker;
