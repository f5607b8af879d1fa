//! A place in a log: the generation, the offset, and what is known of the generations around it. Also its form in a state
//! file, one line of JSON.

use super::before::Before;
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
    /// The last bytes before that, as far as they are known.
    pub before: Before,
    /// The name has passed on from this generation, and everything that was written before that was handed over.
    pub ended: bool,
    /// The last byte that was handed over does not end a line, so a late line must wait.
    pub midline: bool,
    /// Generations that came before it, the last ones, in order. They tell what is new when it is gone itself.
    pub earlier: Vec<ETag>,
    /// Earlier generations to which bytes may still be appended.
    pub late: Vec<LatePlace>,
}

/// How far an earlier generation was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePlace {
    /// Which one.
    pub etag: ETag,
    /// Bytes of it that were handed over.
    pub offset: u64,
    /// The last bytes before that, as far as they are known.
    pub before: Before,
    /// It is within a line of which a part was handed over as a late one, so the rest must come before anything else.
    pub midline: bool,
}

impl LatePlace {
    /// Of the bytes before the place, if they are known.
    #[must_use]
    pub fn check(&self) -> Option<Check> {
        self.before.check(self.offset, &[])
    }
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

    /// Goes on to the beginning of another generation.
    pub fn pass_to(&mut self, next: ETag) {
        if let Some(last) = self.generation.filter(|&last| last != next) {
            self.remember(last);
        }
        self.generation = Some(next);
        (self.offset, self.before) = (0, Before::default());
        (self.ended, self.midline) = (false, false);
    }

    /// The place of the generation, as one of those to which bytes may still be appended.
    #[must_use]
    pub fn as_late(&self) -> Option<LatePlace> {
        self.generation.map(|etag| LatePlace {
            etag,
            offset: self.offset,
            before: self.before.clone(),
            // What is left of its last line is a late line of its own.
            midline: false,
        })
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
        push_place(&mut out, self.offset, &self.before);
        out.push_str(&format!(
            ",\"ended\":{},\"midline\":{},\"earlier\":[",
            self.ended, self.midline
        ));
        for (index, &tag) in self.earlier.iter().enumerate() {
            push_tag(&mut out, if index == 0 { "" } else { "," }, tag);
        }
        out.push_str("],\"late\":[");
        for (index, late) in self.late.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            push_tag(&mut out, &format!("{comma}{{\"etag\":"), late.etag);
            push_place(&mut out, late.offset, &late.before);
            out.push_str(if late.midline {
                ",\"midline\":true}"
            } else {
                "}"
            });
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
        let (offset, before) = read_place(&value)?;
        let mut position = Position {
            generation,
            offset,
            before,
            ended: value.get("ended").map_or(Some(false), Value::as_bool)?,
            midline: is_midline(&value)?,
            ..Position::default()
        };
        for tag in value.get("earlier").map_or(&[][..], Value::items) {
            position.earlier.push(read_tag(tag)?);
        }
        for late in value.get("late").map_or(&[][..], Value::items) {
            let (offset, before) = read_place(late)?;
            position.late.push(LatePlace {
                etag: read_tag(late.get("etag")?)?,
                offset,
                before,
                midline: is_midline(late)?,
            });
        }
        let bounded =
            position.earlier.len() <= CLIENT_EARLIER_MAX && position.late.len() <= CLIENT_LATE_MAX;
        let sound = generation.is_some() || (position.offset == 0 && !position.ended);
        (bounded && sound).then_some((url, position))
    }
}

fn push_place(out: &mut String, offset: u64, before: &Before) {
    out.push_str(&format!(",\"offset\":{offset}"));
    if !before.is_empty() {
        out.push_str(&format!(",\"before\":\"{}\"", before.to_hex()));
    }
}

fn read_place(value: &Value) -> Option<(u64, Before)> {
    let before = match value.get("before") {
        None => Before::default(),
        Some(before) => Before::from_hex(before.as_str()?)?,
    };
    Some((value.get("offset")?.as_u64()?, before))
}

fn is_midline(value: &Value) -> Option<bool> {
    value.get("midline").map_or(Some(false), Value::as_bool)
}

fn push_tag(out: &mut String, before: &str, tag: ETag) {
    out.push_str(before);
    json_value::write_string(out, &tag.to_string());
}

fn read_tag(value: &Value) -> Option<ETag> {
    response::tag(value.as_str()?)
}
