//! The pure modules, in the order of `src`: tables, and properties against naive oracles; no server is started. Those of
//! one module: `cargo test --test units http::range`; the corpora of the fuzz targets: `cargo test --test units corpora`.

#[path = "../support/mod.rs"]
mod support;

mod cli;
mod client;
mod connection;
mod corpora;
mod dialect;
mod follow;
mod hooks;
mod http;
mod intake;
mod jobs;
mod log;
mod peers;
mod properties;
mod response;
mod samples;
mod sorted;
mod store;
mod subscription;
mod worker;
