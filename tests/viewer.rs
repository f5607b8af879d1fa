//! The viewer: who gets it, that its policy fits the document, and what it does in a real browser.

#[path = "viewer/browser.rs"]
mod browser;
#[path = "server/client.rs"]
mod client;
mod common;
#[path = "viewer/document.rs"]
mod document;
#[path = "viewer/event_source.rs"]
mod event_source;
#[path = "server/harness.rs"]
mod harness;
#[path = "viewer/reading.rs"]
mod reading;
#[path = "viewer/several.rs"]
mod several;
#[path = "viewer/sha256.rs"]
mod sha256;
#[path = "viewer/streams.rs"]
mod streams;
