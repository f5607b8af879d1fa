//! An event source: the part of a browser.

use std::time::Instant;

use super::client::Client;
use super::harness::{PATIENCE, Server};

pub const ACCEPT: &str = "Accept: text/event-stream";

/// An event as a page gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    pub kind: String,
    pub id: String,
    pub data: String,
}

/// A stream that is read event by event.
pub struct Source {
    pub client: Client,
    unread: Vec<u8>,
    /// Of the last event, or of the beginning.
    pub id: String,
}

impl Source {
    /// Follows the file of a target from the start that it names, or behind an event.
    pub fn open(server: &Server, target: &str, last: Option<&str>) -> Source {
        let mut source = Source::ask(server, target, last);
        let beginning = source.block();
        assert!(beginning.starts_with("retry: 1000\nid: "), "{beginning}");
        source.id = beginning["retry: 1000\nid: ".len()..].to_owned();
        source
    }

    /// Follows a directory, or several of its files.
    pub fn of_directory(server: &Server, target: &str, last: Option<&str>) -> Source {
        let mut source = Source::ask(server, target, last);
        assert_eq!(source.block(), "retry: 1000");
        last.unwrap_or_default().clone_into(&mut source.id);
        source
    }

    fn ask(server: &Server, target: &str, last: Option<&str>) -> Source {
        let mut client = Client::new(server);
        let last = last.map(|id| format!("Last-Event-ID: {id}"));
        let fields: Vec<&str> = [ACCEPT].into_iter().chain(last.as_deref()).collect();
        client.ask("GET", target, &fields);
        let head = client.head();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.field("Content-Type"), "text/event-stream");
        assert_eq!(head.field("Cache-Control"), "no-store");
        assert_eq!(head.field("X-Accel-Buffering"), "no");
        assert_eq!(head.field("Transfer-Encoding"), "chunked");
        Source::over(client)
    }

    /// What is read of an answer whose head has come.
    pub fn over(client: Client) -> Source {
        Source {
            client,
            unread: Vec::new(),
            id: String::new(),
        }
    }

    pub fn block(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                return String::from_utf8(block[..end].to_vec()).expect("UTF-8");
            }
            self.unread.extend(self.client.some());
        }
    }

    /// The next event; what is none (a comment, a place in a file) is passed by.
    pub fn next(&mut self) -> Event {
        let start = Instant::now();
        loop {
            let block = self.block();
            assert!(start.elapsed() < PATIENCE, "no event, but {block:?}");
            let mut event = Event::default();
            let mut data: Option<String> = None;
            for line in block.split(['\n', '\r']).filter(|line| *line != ":") {
                match line.split_once(": ").expect("a field") {
                    ("id", id) => id.clone_into(&mut self.id),
                    ("event", kind) => kind.clone_into(&mut event.kind),
                    ("data", line) => match &mut data {
                        Some(data) => *data = format!("{data}\n{line}"),
                        none => *none = Some(line.to_owned()),
                    },
                    _ => panic!("{line}"),
                }
            }
            if let Some(data) = data {
                event.id.clone_from(&self.id);
                event.data = data;
                return event;
            }
        }
    }

    /// The next events are complete lines.
    pub fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            let event = self.next();
            assert_eq!((&*event.kind, &*event.data), ("", *line));
        }
    }

    /// The next events have these types and these data.
    pub fn expect_events(&mut self, events: &[(&str, &str)]) {
        for expected in events {
            let event = self.next();
            assert_eq!((&*event.kind, &*event.data), *expected, "{event:?}");
        }
    }

    /// The next event is of this kind; its data.
    pub fn expect_kind(&mut self, kind: &str) -> String {
        let event = self.next();
        assert_eq!(event.kind, kind, "{event:?}");
        event.data
    }

    /// The offset in the last id.
    pub fn offset(&self) -> u64 {
        let offset = self.id.split('-').nth(1).map(str::parse);
        offset.expect("an id").expect("an offset")
    }
}
