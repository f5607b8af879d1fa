//! The list of the generations of a name, as `?generations` tells it, and what comes next in it.

use super::position::Position;
use crate::http::conditional::ETag;
use crate::http::json_value::Value;
use crate::http::response;
use crate::limits::CLIENT_EARLIER_MAX;
use crate::store::generations::family::{Series, kinship};

/// One generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Of the file as it is.
    pub etag: Option<ETag>,
    /// Bytes.
    pub size: u64,
    /// It has the name now.
    pub current: bool,
    /// How often it was rolled, if its name tells that.
    pub rolls: Option<u32>,
    /// It is a compressed copy; what it was before, if the server saw that.
    pub compressed: Option<Option<ETag>>,
    /// How long that was.
    pub original_size: Option<u64>,
}

/// Generations, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generations(pub Vec<Generation>);

/// What comes behind a position in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This generation. `gap`: one that came before it is there no more in a form that can be read.
    Generation {
        /// Its tag.
        etag: ETag,
        /// Something between is missing.
        gap: bool,
    },
    /// Nothing yet.
    Nothing,
}

impl Generations {
    /// Reads the document; `None` if it is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Generations> {
        let value = Value::parse(text)?;
        let Value::Array(items) = value.get("generations")? else {
            return None;
        };
        let log = value.get("path").and_then(Value::as_str).map(file_name);
        items
            .iter()
            .map(|item| generation(item, log.unwrap_or_default()))
            .collect::<Option<_>>()
            .map(Generations)
    }

    /// The generation that has the name.
    #[must_use]
    pub fn current(&self) -> Option<&Generation> {
        self.readable().find(|generation| generation.current)
    }

    /// Those that are not compressed.
    fn readable(&self) -> impl Iterator<Item = &Generation> {
        self.0
            .iter()
            .filter(|generation| generation.compressed.is_none() && generation.etag.is_some())
    }

    /// The last generations before the current one, or of all if there is none: what a new position begins behind. Any of
    /// them may be gone when the position is taken up again.
    #[must_use]
    pub fn before_current(&self) -> Vec<ETag> {
        let earlier = self.readable().filter(|generation| !generation.current);
        let tags: Vec<ETag> = earlier.filter_map(|generation| generation.etag).collect();
        tags[tags.len().saturating_sub(CLIENT_EARLIER_MAX)..].to_vec()
    }

    /// Whether this generation is in the list and can be read.
    #[must_use]
    pub fn has(&self, etag: ETag) -> bool {
        self.readable()
            .any(|generation| generation.etag == Some(etag))
    }

    /// How long a generation was of which only a compressed copy is left, if the server saw that.
    #[must_use]
    pub fn size_before_compressed(&self, etag: ETag) -> Option<u64> {
        let mut copies = self.0.iter();
        let copy = copies.find(|copy| copy.compressed == Some(Some(etag)))?;
        copy.original_size
    }

    /// The newest generation of the list that the position knows.
    #[must_use]
    pub fn newest_known(&self, position: &Position) -> Option<ETag> {
        let tags = self.0.iter().rev().filter_map(|generation| generation.etag);
        tags.into_iter().find(|&tag| position.knows(tag))
    }

    /// The first generation behind all that the position knows.
    #[must_use]
    pub fn after(&self, position: &Position) -> Next {
        let is_known = |generation: &Generation| {
            let tags = [generation.etag, generation.compressed.flatten()];
            tags.into_iter().flatten().any(|tag| position.knows(tag))
        };
        let behind = self.0.iter().rposition(is_known).map_or(0, |last| last + 1);
        // What comes after the generation of the position, or after its copy, is none of those that came before.
        let is_at = |generation: &Generation| {
            let tags = [generation.etag, generation.compressed.flatten()];
            position.generation.is_some() && tags.contains(&position.generation)
        };
        let certain = self.0[..behind].last().is_some_and(is_at);
        let mut gap = false;
        let mut before = self.0[..behind].last().filter(|_| certain);
        let is_new = position.generation.is_none() && position.earlier.is_empty();
        for (index, generation) in self.0.iter().enumerate().skip(behind) {
            let rolls = |generation: &Generation| generation.rolls;
            // A number between the two is missing.
            gap |= before
                .and_then(rolls)
                .zip(generation.rolls)
                .is_some_and(|(before, rolls)| before > rolls + 1);
            before = Some(generation);
            match (generation.compressed, generation.etag) {
                (None, Some(etag)) => {
                    // Of what is known nothing is left, unless it is one of the copies behind this one.
                    let copies = |other: &Generation| other.compressed == Some(None);
                    gap |= behind == 0 && !is_new && self.0[index..].iter().any(copies);
                    return Next::Generation { etag, gap };
                }
                // What an unknown copy was before may be known.
                (Some(original), _) => gap |= certain || original.is_some(),
                (None, None) => {}
            }
        }
        Next::Nothing
    }
}

/// The last name of a path, as it is spelt.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `log`: the name of the current one, as paths spell it.
fn generation(value: &Value, log: &str) -> Option<Generation> {
    let current = value
        .get("current")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let path = value.get("path").and_then(Value::as_str).map(file_name);
    let kinship = path.and_then(|path| kinship(path.as_bytes(), log.as_bytes()));
    let to_be = value.get("rolls").and_then(Value::as_u64);
    let rolls = match kinship.map(|kinship| kinship.series) {
        // The origin is a copy whose mirror has not finished a roll.
        _ if to_be.is_some() => to_be.and_then(|rolls| u32::try_from(rolls).ok()),
        _ if current => Some(0),
        Some(Series::Number(number)) => Some(number),
        Some(Series::Date(_)) | None => None,
    };
    let etag = match value.get("etag")? {
        Value::Null => None,
        tag => Some(response::tag(tag.as_str()?)?),
    };
    let original = |member| value.get("original").and_then(|it| it.get(member));
    let compressed = match value.get("compressed") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(_) => {
            let etag = original("etag").and_then(Value::as_str);
            Some(etag.and_then(response::tag))
        }
    };
    Some(Generation {
        etag,
        size: value.get("size")?.as_u64()?,
        current,
        rolls,
        compressed,
        original_size: original("size").and_then(Value::as_u64),
    })
}
