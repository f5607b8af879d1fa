//! openrange: a directory of files as a log server, `tail -f` over plain HTTP ranges.
//!
//! The rooms, each knowing only those above it:
//!
//! - [`limits`]: every limit, with its reason.
//! - [`http`]: the protocol, pure: heads, targets, ranges, conditions, chunks.
//! - [`connection`]: the machine of one client, pure too; its module comment is the transition table.
//! - [`os`]: the kernel: poller, sockets, files, inotify.
//! - [`access_log`]: lines of the workers to a file, by a thread of its own.
//! - [`worker`]: one thread: the loop, and `drive`, which does what a machine wants.
//! - [`admin`]: metrics, clients and health, at a listener of their own.
//! - [`reload`]: what SIGHUP reads again.
//! - [`systemd`]: sockets passed by a service manager, and notices to it.
//! - [`server`] and [`cli`]: bind, start, end; arguments.
//!
//! The [`guide`] is for users.
//!
//! To read the program, begin with `main`, then `server::run`, `worker::Worker::run`, `worker::drive::drive`,
//! [`connection::Connection`]. The library is there for the binary, its tests and its fuzz targets; its interface may
//! change with every version.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod access_log;
pub mod admin;
pub mod cli;
pub mod connection;
pub mod guide;
pub mod http;
pub mod limits;
pub mod os;
pub mod reload;
pub mod server;
pub mod systemd;
pub mod worker;
