//! A place in a log: the generation, the offset, and what is known of the generations around it. Also its form in a state
//! file, one line of JSON.

use crate::http::conditional::ETag;
use crate::http::json_value::{self, Value};
use crate::http::position::Check;
use crate::http::response;
use crate::limits::{CLIENT_EARLIER_MAX, CLIENT_LATE_MAX};

/// A place in a log. Everything before it was handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The generation; `None`: none was there yet.
    pub generation: Option<ETag>,
    /// Bytes of it that were handed over.
    pub offset: u64,
    /// Of the bytes before that, if they are known.
    pub check: Option<Check>,
    /// The name has passed on from this generation, and everything that was written before that was handed over.
    pub ended: bool,
    /// The last byte that was handed over does not end a line, so a late line must wait.
    pub midline: bool,
    /// Generations that came before it, the last ones, in order. They tell what is new when it is gone itself.
    pub earlier: Vec<ETag>,
    /// Earlier generations to which bytes may still be appended, and how much of each was handed over.
    pub late: Vec<(ETag, u64)>,
}

impl Position {
    /// The beginning of a generation.
    #[must_use]
    pub fn start_of(generation: ETag) -> Position {
        Position {
            generation: Some(generation),
            ..Position::default()
        }
    }

    /// Goes on to the beginning of another generation. `late`: bytes that are appended to this one still count.
    pub fn pass_to(&mut self, next: ETag, late: bool) {
        if let Some(before) = self.generation.filter(|&before| before != next) {
            self.remember(before);
            if late {
                self.late.push((before, self.offset));
            }
        }
        self.generation = Some(next);
        (self.offset, self.check, self.ended, self.midline) = (0, None, false, false);
    }

    /// A generation came before this one.
    pub fn remember(&mut self, earlier: ETag) {
        self.earlier.retain(|&known| known != earlier);
        if self.earlier.len() >= CLIENT_EARLIER_MAX {
            self.earlier.remove(0);
        }
        self.earlier.push(earlier);
    }

    /// Whether this generation is the one here or came before.
    #[must_use]
    pub fn knows(&self, generation: ETag) -> bool {
        self.generation == Some(generation) || self.earlier.contains(&generation)
    }

    /// One line of JSON with the URL that it is a place of.
    #[must_use]
    pub fn to_json(&self, url: &str) -> String {
        let mut out = String::from("{\"url\":");
        json_value::write_string(&mut out, url);
        match self.generation {
            Some(tag) => push_tag(&mut out, ",\"etag\":", tag),
            None => out.push_str(",\"etag\":null"),
        }
        out.push_str(&format!(",\"offset\":{}", self.offset));
        if let Some(check) = self.check {
            out.push_str(&format!(",\"check\":\"{check}\""));
        }
        out.push_str(&format!(
            ",\"ended\":{},\"midline\":{},\"earlier\":[",
            self.ended, self.midline
        ));
        for (index, &tag) in self.earlier.iter().enumerate() {
            push_tag(&mut out, if index == 0 { "" } else { "," }, tag);
        }
        out.push_str("],\"late\":[");
        for (index, &(tag, offset)) in self.late.iter().enumerate() {
            push_tag(
                &mut out,
                if index == 0 {
                    "{\"etag\":"
                } else {
                    ",{\"etag\":"
                },
                tag,
            );
            out.push_str(&format!(",\"offset\":{offset}}}"));
        }
        out.push_str("]}\n");
        out
    }

    /// Reads what [`Position::to_json`] wrote: the URL and the place.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Option<(String, Position)> {
        let value = Value::parse(text)?;
        let url = value.get("url")?.as_str()?.to_owned();
        let generation = match value.get("etag")? {
            Value::Null => None,
            tag => Some(read_tag(tag)?),
        };
        let check = match value.get("check") {
            None => None,
            Some(check) => Some(Check::parse(check.as_str()?.as_bytes())?),
        };
        let mut position = Position {
            generation,
            check,
            offset: value.get("offset")?.as_u64()?,
            ended: value.get("ended").map_or(Some(false), Value::as_bool)?,
            midline: value.get("midline").map_or(Some(false), Value::as_bool)?,
            ..Position::default()
        };
        for tag in value.get("earlier").map_or(&[][..], Value::items) {
            position.earlier.push(read_tag(tag)?);
        }
        for late in value.get("late").map_or(&[][..], Value::items) {
            let tag = read_tag(late.get("etag")?)?;
            position.late.push((tag, late.get("offset")?.as_u64()?));
        }
        let bounded =
            position.earlier.len() <= CLIENT_EARLIER_MAX && position.late.len() <= CLIENT_LATE_MAX;
        let sound = generation.is_some() || (position.offset == 0 && !position.ended);
        (bounded && sound).then_some((url, position))
    }
}

fn push_tag(out: &mut String, before: &str, tag: ETag) {
    out.push_str(before);
    json_value::write_string(out, &tag.to_string());
}

fn read_tag(value: &Value) -> Option<ETag> {
    response::tag(value.as_str()?)
}
