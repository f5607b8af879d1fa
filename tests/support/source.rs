//! An event source: the part of a browser.

use std::collections::VecDeque;
use std::io::BufRead;
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
    /// The beginning of a line, the lines of a block on its way, and the blocks that nobody has read.
    line: Vec<u8>,
    lines: Vec<String>,
    blocks: VecDeque<Vec<String>>,
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
            line: Vec::new(),
            lines: Vec::new(),
            blocks: VecDeque::new(),
            id: String::new(),
        }
    }

    /// The lines up to an empty one.
    pub fn block(&mut self) -> String {
        self.lines_of_block().join("\n")
    }

    fn lines_of_block(&mut self) -> Vec<String> {
        loop {
            if let Some(lines) = self.blocks.pop_front() {
                return lines;
            }
            let chunk = self.client.some();
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                rest.read_until(b'\n', &mut self.line).expect("memory");
                if self.line.pop_if(|last| *last == b'\n').is_none() {
                    break;
                }
                let line = String::from_utf8(std::mem::take(&mut self.line)).expect("UTF-8");
                match line.is_empty() {
                    true => self.blocks.push_back(std::mem::take(&mut self.lines)),
                    false => self.lines.push(line),
                }
            }
        }
    }

    /// The next event. Skips what is none (a comment, a place in a file).
    pub fn next(&mut self) -> Event {
        let start = Instant::now();
        loop {
            let block = self.lines_of_block();
            assert!(start.elapsed() < PATIENCE, "no event, but {block:?}");
            let mut event = Event::default();
            let mut data: Option<String> = None;
            let lines = block.iter().flat_map(|line| line.split('\r'));
            for line in lines.filter(|line| *line != ":") {
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

    /// The offset in the last id: in the file that has the name, not in earlier ones.
    pub fn offset(&self) -> u64 {
        let place = self.id.split('.').next().unwrap_or_default();
        let offset = place.split('-').nth(1).map(str::parse);
        offset.expect("an id").expect("an offset")
    }
}
