//! What surrounds the server: the order of its source, packaging, the viewer in a browser, proxies, systemd, curl, the
//! README's examples. One of it: `cargo test --test tools viewer`. Where a program is missing, its test says so and passes.

#[path = "../support/mod.rs"]
mod support;

mod bridges;
mod curl;
mod examples;
mod heads;
mod layers;
mod packaging;
mod proxies;
mod static_binaries;
mod systemd;
mod viewer;
