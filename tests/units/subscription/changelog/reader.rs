//! A reader of the events of a directory, who keeps a table of what he is told and knows nothing else.

use std::collections::BTreeMap;

use openrange::http::target::Path;
use openrange::subscription::changelog::{ChangeLog, Cursor};

#[derive(Debug)]
pub struct Event {
    pub kind: String,
    pub data: String,
}

/// All events in these bytes.
pub fn events(bytes: &[u8]) -> Vec<Event> {
    let text = str::from_utf8(bytes).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with("\n\n"));
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(event).collect()
}

fn event(block: &str) -> Event {
    let (mut kind, mut data) = (None, None);
    for line in block.lines() {
        match line.split_once(": ").expect("a field") {
            ("event", value) => assert_eq!(kind.replace(value), None),
            ("data", value) => assert_eq!(data.replace(value), None),
            ("id", "-") => assert_eq!(kind, Some("list")),
            _ => panic!("{line}"),
        }
    }
    Event {
        kind: kind.expect("a type").to_owned(),
        data: data.expect("data").to_owned(),
    }
}

/// A member of a JSON object as it is written; none of our values has a comma or brace but in a name.
pub fn value(json: &str, key: &str) -> String {
    let (_, rest) = json.split_once(&format!("\"{key}\":")).expect(key);
    let end = rest.find([',', '}']).expect("an end");
    rest[..end].to_owned()
}

#[derive(Default)]
pub struct Reader {
    mark: Cursor,
    /// By name, as JSON.
    pub table: BTreeMap<String, String>,
    pub exists: Option<bool>,
    pub truncated: bool,
    /// So often everything was told from the start, and so often there was more than came at once.
    pub lists: u32,
    pub pauses: u32,
}

impl Reader {
    /// Reads as much as is given at once. True if that is all.
    pub fn read(&mut self, path: &Path, changelog: Option<&ChangeLog>) -> bool {
        let mut out = Vec::new();
        let all = match changelog {
            Some(changelog) => self.mark.read(path, changelog, &mut out),
            None => {
                self.mark.lose(path, &mut out);
                true
            }
        };
        self.pauses += u32::from(!all);
        for event in events(&out) {
            self.take(&event);
        }
        all
    }

    fn take(&mut self, Event { kind, data }: &Event) {
        let name = value(data, "name");
        if kind == "list" {
            self.table.clear();
            self.lists += 1;
            self.exists = Some(value(data, "exists") == "true");
            self.truncated = value(data, "truncated") == "true";
            return;
        }
        assert_eq!(self.exists, Some(true), "{kind} in no directory");
        if kind == "remove" {
            self.table.remove(&name);
            return;
        }
        let tag = |json: &String| (value(json, "etag"), value(json, "kind"));
        let before = self.table.insert(name, data.clone());
        match (kind.as_str(), before) {
            ("create", _) => {}
            (_, None) => panic!("{kind} of what was never told of: {data}"),
            ("grow", Some(before)) => assert_eq!(tag(&before), tag(data)),
            ("roll" | "change", Some(_)) => {}
            (kind, _) => panic!("{kind}"),
        }
    }
}
