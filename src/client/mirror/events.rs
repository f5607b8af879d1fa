//! The events of a directory (server-sent events, HTML Living Standard section 9.2), as far as a mirror needs them.

use crate::http::conditional::ETag;
use crate::http::json_value::Value;
use crate::http::response;

/// Longest event of such a stream: an entry has a name of 255 bytes, escaped.
const EVENT_MAX: usize = 64 * 1024;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// This file has so many bytes now.
    Grown(ETag, u64),
    /// The stream begins; true if it tells of all files.
    Begun(bool),
    /// Something else: the directory is to be listed again.
    Other,
}

/// Reads a stream, in pieces of any size.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    kind: String,
    data: String,
}

impl Reader {
    /// Takes bytes, and gives what they say.
    ///
    /// # Errors
    /// An event is too long for any of these.
    pub fn read(&mut self, bytes: &[u8], mut news: impl FnMut(News)) -> Result<(), &'static str> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            // Also what its earlier lines have left: a stream without an empty line is one event.
            if self.line.len() + self.kind.len() + self.data.len() > EVENT_MAX {
                return Err("an event is too long");
            }
            if self.line.pop_if(|byte| *byte == b'\n').is_some() {
                if let Some(event) = self.end_of_line() {
                    news(event);
                }
                self.line.clear();
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<News> {
        let line = String::from_utf8_lossy(&self.line);
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty()).then(|| news(&kind, &data));
        }
        if let Some(kind) = line.strip_prefix("event: ") {
            self.kind = kind.into();
        } else if let Some(data) = line.strip_prefix("data: ") {
            self.data.push_str(data);
        }
        None
    }
}

fn news(kind: &str, data: &str) -> News {
    let grown = || {
        let entry = Value::parse(data.as_bytes())?;
        // More than a size has changed.
        if entry.get("sealed").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let etag = response::tag(entry.get("etag")?.as_str()?)?;
        Some(News::Grown(etag, entry.get("size")?.as_u64()?))
    };
    match kind {
        "grow" => grown().unwrap_or(News::Other),
        "list" => {
            let list = Value::parse(data.as_bytes());
            let truncated = list.as_ref().and_then(|list| list.get("truncated"));
            News::Begun(truncated.and_then(Value::as_bool) == Some(false))
        }
        _ => News::Other,
    }
}
