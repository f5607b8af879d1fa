//! One line on a terminal that says how far a follower is.

use std::io::{IsTerminal, Write};

use super::follower::{Follower, State};
use super::url::Url;
use crate::time::Moment;

/// See the module.
pub struct Display {
    url: String,
    shown: Moment,
    /// Bytes that were handed over until then.
    bytes: u64,
    drawn: bool,
}

impl Display {
    /// Shows nothing yet. `None`: stderr is no terminal, and nobody wants the line of each second in a file.
    #[must_use]
    pub fn new(url: &Url, now: Moment) -> Option<Display> {
        std::io::stderr()
            .is_terminal()
            .then(|| Display::of(url, now))
    }

    /// Wherever stderr leads.
    #[must_use]
    pub fn of(url: &Url, now: Moment) -> Display {
        Display {
            url: url.to_string(),
            shown: now,
            bytes: 0,
            drawn: false,
        }
    }

    /// Shows how far it is, once in a second.
    pub fn show(&mut self, follower: &Follower, now: Moment) {
        if let Some(line) = self.line(follower, now) {
            // To the beginning of the line, and nothing left of what was there.
            write(&format!("\r\x1b[K{line}"));
            self.drawn = true;
        }
    }

    /// The line of this second; `None`: it was made already.
    pub fn line(&mut self, follower: &Follower, now: Moment) -> Option<String> {
        let passed = now.0 - self.shown.0;
        if passed < 1000 {
            return None;
        }
        let bytes = follower.bytes();
        let rate = (bytes - self.bytes) * 1000 / passed;
        (self.shown, self.bytes) = (now, bytes);
        let position = follower.position();
        let state = match follower.state() {
            State::Connecting => "connecting",
            State::ReadingHeaders => "asking",
            State::Receiving => "receiving",
            State::Pausing => "waiting",
        };
        let lag = match follower.lag() {
            Some(lag) => format!(", {} behind", size(lag)),
            None => String::new(),
        };
        let tag = position
            .generation
            .map_or_else(|| "no file".to_string(), |tag| format!("{:016x}", tag.0));
        Some(format!(
            "{} {tag} at {}{lag}, {}/s, {state}",
            self.url,
            position.offset,
            size(rate)
        ))
    }

    /// Makes place for another line.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write("\r\x1b[K");
        }
    }
}

fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}
