//! Which entries of a directory an event stream follows: `files=a.log,b*.log` in the query.

use percent_encoding::percent_decode;

use crate::limits::EVENT_FILES_MAX;

/// A name, or a pattern of names: what stands between its asterisks, each of which is any number of any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    parts: Box<[Box<[u8]>]>,
    /// With a `!` before it: what fits is not meant.
    excludes: bool,
}

/// Whether a list of patterns means a name: one fits it, and none that excludes. A list that only excludes means all others.
#[must_use]
pub fn mean(patterns: &[Pattern], name: &[u8]) -> bool {
    let excluded = |pattern: &Pattern| pattern.excludes && pattern.fits(name);
    if patterns.iter().any(excluded) {
        return false;
    }
    let mut wanted = patterns
        .iter()
        .filter(|pattern| !pattern.excludes)
        .peekable();
    wanted.peek().is_none() || wanted.any(|pattern| pattern.fits(name))
}

/// Reads a percent-encoded list of names and patterns. Programs encode a comma between two names too, so it is decoded as
/// a whole: a name that has a comma or an asterisk in it, or begins with an exclamation mark, needs a pattern that fits it. `None` if there are
/// more than [`EVENT_FILES_MAX`], or one is there twice, or could only mean what is not in the directory or hidden.
#[must_use]
pub fn parse(list: &[u8]) -> Option<Box<[Pattern]>> {
    let mut patterns: Vec<Pattern> = Vec::new();
    let list: Vec<u8> = percent_decode(list).collect();
    for part in list.split(|&byte| byte == b',') {
        let pattern = Pattern::parse(part)?;
        if patterns.len() == EVENT_FILES_MAX || patterns.contains(&pattern) {
            return None;
        }
        patterns.push(pattern);
    }
    Some(patterns.into())
}

impl Pattern {
    fn parse(text: &[u8]) -> Option<Pattern> {
        let (text, excludes) = match text {
            [b'!', rest @ ..] => (rest, true),
            _ => (text, false),
        };
        let nowhere = text.is_empty()
            || text.starts_with(b".")
            || text.iter().any(|byte| b"/\0".contains(byte));
        let mut text = text.to_vec();
        // Several asterisks in a row are one.
        text.dedup_by(|next, last| [*next, *last] == *b"**");
        let parts = text.split(|&byte| byte == b'*').map(Box::from);
        (!nowhere).then(|| Pattern {
            parts: parts.collect(),
            excludes,
        })
    }

    /// The name, if it is not a pattern of several.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        match &*self.parts {
            [name] if !self.excludes => Some(name),
            _ => None,
        }
    }

    /// Whether it is the name of a file, or fits it, with a `!` before it or not.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        let (first, between, last) = match &*self.parts {
            [first, between @ .., last] => (first, between, last),
            [whole] => return **whole == *name,
            [] => return false,
        };
        let Some(mut rest) = name
            .strip_prefix(&**first)
            .and_then(|rest| rest.strip_suffix(&**last))
        else {
            return false;
        };
        // The first place for each is as good as any later one.
        for part in between {
            let mut places = 0..(rest.len() + 1).saturating_sub(part.len());
            match places.find(|&at| rest[at..].starts_with(part)) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}
