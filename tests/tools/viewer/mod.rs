//! The viewer: who gets it, that its policy fits the document, and what it does in a real browser.

mod accessibility;
mod browser;
mod document;
mod event_source;
mod picture;
mod reading;
mod searching;
mod selecting;
mod session;
mod several;
mod sha256;
mod showing;
mod streams;
mod tokens;
