//! The conditional fields of a request as a client makes them up, and what RFC 9110 section 13 and the server's promises
//! say of them.

use std::fmt::Write;

use openrange::http::date::Date;

use super::Choose;
use super::disk::Facts;

#[derive(Debug, Clone)]
enum Tags {
    Any,
    These(Vec<u64>),
}

#[derive(Debug, Clone, Copy)]
enum Validator {
    Tag(u64),
    Date(i64),
}

#[derive(Debug, Clone, Default)]
pub struct Conditions {
    matches: Option<Tags>,
    unmodified_since: Option<i64>,
    none_match: Option<Tags>,
    modified_since: Option<i64>,
    range: Option<Validator>,
    /// The file and version that the client has, if its validators are good for more than a guess.
    held: Option<(usize, u64)>,
}

/// What they come to for a file that is there.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Proceed,
    /// Without regard to Range.
    Whole,
    NotModified,
    Failed,
}

impl Conditions {
    /// `facts`: of the file as it is when the request is made up.
    pub fn any(choose: Choose, facts: &Facts) -> Conditions {
        let tags = |choose: Choose| match choose(6) {
            0 => Tags::Any,
            1 => Tags::These(vec![facts.etag + 1]),
            2 => Tags::These(vec![facts.etag + 1, facts.etag]),
            _ => Tags::These(vec![facts.etag]),
        };
        let date = |choose: Choose| facts.modified + [0, 0, -1, 1][choose(4) as usize];
        let mut made = Conditions::default();
        match choose(12) {
            6 | 7 => made.matches = Some(tags(choose)),
            8 => made.unmodified_since = Some(date(choose)),
            9 => made.none_match = Some(tags(choose)),
            10 => made.modified_since = Some(date(choose)),
            11 => {
                made.range = Some(match choose(2) {
                    0 => Validator::Tag(facts.etag + choose(2)),
                    _ => Validator::Date(date(choose)),
                });
            }
            _ => return made,
        }
        if choose(3) == 2 {
            made.modified_since = Some(date(choose));
        }
        if choose(6) == 5 {
            made.unmodified_since = Some(date(choose));
        }
        let exact = made.modified_since == Some(facts.modified) && facts.settled;
        let guess = matches!(made.none_match, Some(Tags::Any));
        made.held = (exact && !guess).then_some((facts.file, facts.version));
        made
    }

    /// The fields.
    pub fn write(&self, head: &mut String) {
        let mut field = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        };
        let date = |seconds: i64| Date::from_seconds(seconds).to_string();
        field("If-Match", self.matches.as_ref().map(Tags::text));
        field("If-Unmodified-Since", self.unmodified_since.map(date));
        field("If-None-Match", self.none_match.as_ref().map(Tags::text));
        field("If-Modified-Since", self.modified_since.map(date));
        field(
            "If-Range",
            self.range.map(|validator| match validator {
                Validator::Tag(tag) => text(tag),
                Validator::Date(seconds) => date(seconds),
            }),
        );
    }

    /// Whether only certain files are wanted, by their tags.
    pub fn name_tags(&self) -> bool {
        matches!(&self.matches, Some(tags) if !matches!(tags, Tags::Any))
    }

    /// Whether whatever there is, is not wanted.
    pub fn want_nothing(&self) -> bool {
        matches!(self.none_match, Some(Tags::Any))
    }

    /// Whether they ask for another file.
    pub fn fail(&self, facts: &Facts) -> bool {
        match (&self.matches, self.unmodified_since) {
            (Some(tags), _) => !tags.contain(facts.etag),
            (None, Some(date)) => facts.modified > date,
            (None, None) => false,
        }
    }

    /// In the order of RFC 9110 section 13.2.2. Only a date whose second was over can tell that nothing was appended.
    pub fn judge(&self, facts: &Facts) -> Verdict {
        if self.fail(facts) {
            return Verdict::Failed;
        }
        let same_second = self.modified_since == Some(facts.modified) && facts.settled;
        let not_modified = match &self.none_match {
            Some(Tags::Any) => true,
            Some(tags) => tags.contain(facts.etag) && same_second,
            None => same_second,
        };
        if not_modified {
            if let Some((file, version)) = self.held {
                // A date alone cannot tell another file of the same second.
                let other = file != facts.file && self.none_match.is_none();
                assert!(other || version == facts.version, "a stale 304");
            }
            return Verdict::NotModified;
        }
        match self.range {
            Some(Validator::Tag(tag)) if tag != facts.etag => Verdict::Whole,
            Some(Validator::Date(_)) => Verdict::Whole,
            _ => Verdict::Proceed,
        }
    }
}

impl Tags {
    fn text(&self) -> String {
        match self {
            Tags::Any => "*".to_owned(),
            Tags::These(tags) => {
                let tags: Vec<String> = tags.iter().copied().map(text).collect();
                tags.join(", ")
            }
        }
    }

    fn contain(&self, tag: u64) -> bool {
        match self {
            Tags::Any => true,
            Tags::These(tags) => tags.contains(&tag),
        }
    }
}

fn text(tag: u64) -> String {
    format!("W/\"{tag:016x}\"")
}
