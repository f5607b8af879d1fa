//! The viewer: who gets it, that its policy fits the document, and what it does in a real browser.

#[path = "viewer/browser.rs"]
mod browser;
#[path = "server/client.rs"]
mod client;
mod common;
#[path = "viewer/document.rs"]
mod document;
#[path = "server/harness.rs"]
mod harness;
#[path = "viewer/reading.rs"]
mod reading;
#[path = "viewer/sha256.rs"]
mod sha256;
#[path = "viewer/streams.rs"]
mod streams;
