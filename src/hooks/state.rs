//! What hooks has sent, as stored on disk: one line of JSON, replaced as a whole. Pure.

use super::done::Place;
use super::pauses::Pauses;
use crate::http::json_value::{Value, write_string};
use crate::http::response;

/// What is known of all targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Up to this place of `done` every target has its notifications, except those below; `None`: nothing was read yet.
    pub place: Option<Place>,
    /// Origins that had too many targets: up to these places of `done` they are known.
    pub held: Vec<(String, Place)>,
    /// Targets that have notifications left.
    pub targets: Vec<Behind>,
    /// URLs that want no further notification (410), oldest first.
    pub gone: Vec<String>,
}

/// A target that has notifications left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Its URL.
    pub url: String,
    /// It has the notifications of everything before this place of `done`.
    pub place: Place,
    /// Attempts to send the next one.
    pub attempts: u32,
    /// When to try again, in milliseconds since 1970.
    pub next: u64,
}

impl State {
    /// The content of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        if let Some(place) = self.place {
            out.push_str("\"done\":{");
            write_place(&mut out, place);
            out.push_str("},");
        }
        if !self.held.is_empty() {
            out.push_str("\"held\":[");
            for (index, (origin, place)) in self.held.iter().enumerate() {
                out.push_str(if index == 0 {
                    "{\"url\":"
                } else {
                    ",{\"url\":"
                });
                write_string(&mut out, origin);
                out.push(',');
                write_place(&mut out, *place);
                out.push('}');
            }
            out.push_str("],");
        }
        out.push_str("\"targets\":[");
        for (index, target) in self.targets.iter().enumerate() {
            out.push_str(if index == 0 {
                "{\"url\":"
            } else {
                ",{\"url\":"
            });
            write_string(&mut out, &target.url);
            out.push(',');
            write_place(&mut out, target.place);
            let (attempts, next) = (target.attempts, target.next);
            out.push_str(&format!(",\"attempts\":{attempts},\"next\":{next}}}"));
        }
        out.push_str("],\"gone\":[");
        for (index, url) in self.gone.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            write_string(&mut out, url);
        }
        out.push_str("]}\n");
        out
    }

    /// No pause goes on for longer than the longest that there is: the clock may have been set back, or have begun in 1970.
    /// `wall`: now, in milliseconds since 1970.
    pub fn limit_pauses(&mut self, pauses: &Pauses, wall: u64) {
        let longest = u64::try_from(pauses.longest().as_millis()).unwrap_or(u64::MAX);
        for target in &mut self.targets {
            target.next = target.next.min(wall.saturating_add(longest));
        }
    }

    /// Reads what [`State::to_json`] wrote; `None`: it is damaged.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Option<State> {
        let value = Value::parse(text)?;
        let place = match value.get("done") {
            Some(place) => Some(read_place(place)?),
            None => None,
        };
        let behind = |target: &Value| {
            Some(Behind {
                url: target.get("url")?.as_str()?.to_owned(),
                place: read_place(target)?,
                attempts: u32::try_from(target.get("attempts")?.as_u64()?).ok()?,
                next: target.get("next")?.as_u64()?,
            })
        };
        let held = value.get("held").map_or(&[][..], Value::items).iter();
        let held =
            held.map(|held| Some((held.get("url")?.as_str()?.to_owned(), read_place(held)?)));
        let targets = value.get("targets")?.items().iter().map(behind);
        let gone = value.get("gone")?.items().iter();
        let gone = gone.map(|url| Some(url.as_str()?.to_owned()));
        Some(State {
            place,
            held: held.collect::<Option<_>>()?,
            targets: targets.collect::<Option<_>>()?,
            gone: gone.collect::<Option<_>>()?,
        })
    }
}

fn write_place(out: &mut String, place: Place) {
    out.push_str("\"etag\":");
    write_string(out, &place.file.to_string());
    out.push_str(&format!(",\"offset\":{}", place.offset));
}

fn read_place(value: &Value) -> Option<Place> {
    Some(Place {
        file: response::tag(value.get("etag")?.as_str()?)?,
        offset: value.get("offset")?.as_u64()?,
    })
}
