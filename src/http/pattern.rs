//! Which entries of a directory an event stream follows: `files=a.log,b*.log` in the query; with `**`, also what is below
//! the directories in it: `files=**/*.log,!old`.

use percent_encoding::percent_decode;

use super::target::last_component;
use crate::limits::EVENT_FILES_MAX;

/// A name, or a pattern of names, relative to the directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The parts between its slashes.
    components: Box<[Component]>,
    /// With a `!` before it: what fits is not meant.
    excludes: bool,
}

/// What a component of a path must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Component {
    /// `**`: any number of components.
    Any,
    /// The literal parts between its asterisks, each of which matches any number of any bytes but a slash.
    Parts(Box<[Box<[u8]>]>),
}

/// Whether a list of patterns means a name: one fits it, and none excludes it. A list that only excludes means all others.
#[must_use]
pub fn mean(patterns: &[Pattern], name: &[u8]) -> bool {
    let here = !name.contains(&b'/') || are_of_tree(patterns);
    let mut wanted = including(patterns).peekable();
    here && !exclude(patterns, name)
        && (wanted.peek().is_none() || wanted.any(|pattern| pattern.fits(name)))
}

/// Whether a list of patterns means files below the directories of the directory too.
#[must_use]
pub fn are_of_tree(patterns: &[Pattern]) -> bool {
    let mut components = patterns.iter().flat_map(|pattern| &pattern.components);
    components.any(|component| *component == Component::Any)
}

/// Whether a list of patterns may mean a file below a directory of this name.
#[must_use]
pub fn may_mean_below(patterns: &[Pattern], directory: &[u8]) -> bool {
    let mut wanted = including(patterns).peekable();
    are_of_tree(patterns)
        && !exclude(patterns, directory)
        && (wanted.peek().is_none() || wanted.any(|pattern| pattern.may_fit_below(directory)))
}

fn including(patterns: &[Pattern]) -> impl Iterator<Item = &Pattern> {
    patterns.iter().filter(|pattern| !pattern.excludes)
}

/// Whether one of the patterns excludes a name, or a directory on the way to it.
fn exclude(patterns: &[Pattern], name: &[u8]) -> bool {
    let mut excluding = patterns.iter().filter(|pattern| pattern.excludes);
    excluding.any(|pattern| {
        let ends = (0..=name.len()).filter(|&end| matches!(name.get(end), None | Some(b'/')));
        let mut ways = ends.map(|end| &name[..end]);
        ways.any(|way| pattern.fits(way) || pattern.fits_last(way))
    })
}

/// Reads a percent-encoded list of names and patterns. Programs encode a comma between two names too, so it is decoded as
/// a whole: a name that has a comma or an asterisk in it, or begins with an exclamation mark, needs a pattern that fits it.
/// `None` if there are more than [`EVENT_FILES_MAX`], or one is there twice, or could only mean what is hidden or not there,
/// or one has a slash in it and none has `**`.
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
    let deep = patterns.iter().any(|pattern| pattern.components.len() > 1);
    (!deep || are_of_tree(&patterns)).then(|| patterns.into())
}

impl Pattern {
    fn parse(text: &[u8]) -> Option<Pattern> {
        let (text, excludes) = match text {
            [b'!', rest @ ..] => (rest, true),
            _ => (text, false),
        };
        let components = text.split(|&byte| byte == b'/').map(Component::parse);
        Some(Pattern {
            components: components.collect::<Option<_>>()?,
            excludes,
        })
    }

    /// The name, if it is not a pattern of several.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        match &*self.components {
            [Component::Parts(parts)] if !self.excludes => match &**parts {
                [name] => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is the name of a file, or fits it, with a `!` before it or not.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        let components: Vec<&[u8]> = name.split(|&byte| byte == b'/').collect();
        let (mut here, mut rest) = (&*self.components, &*components);
        // Behind the last `**`, and what is left for it if it takes one component more.
        let mut other: Option<(&[Component], &[&[u8]])> = None;
        loop {
            match (here, rest) {
                ([], []) => return true,
                // There must be something below the directory.
                ([Component::Any], [_, ..]) => return true,
                ([Component::Any, after @ ..], [_, less @ ..]) => {
                    other = Some((here, less));
                    here = after;
                }
                ([Component::Parts(parts), after @ ..], [first, less @ ..])
                    if fit(parts, first) =>
                {
                    (here, rest) = (after, less);
                }
                _ => match other.take() {
                    Some(again) => (here, rest) = again,
                    None => return false,
                },
            }
        }
    }

    /// Whether it is without a slash and fits the last component of a name.
    fn fits_last(&self, name: &[u8]) -> bool {
        self.components.len() == 1 && self.fits(last_component(name))
    }

    fn may_fit_below(&self, directory: &[u8]) -> bool {
        let mut components = self.components.iter();
        for name in directory.split(|&byte| byte == b'/') {
            match components.next() {
                Some(Component::Any) => return true,
                Some(Component::Parts(parts)) if fit(parts, name) => {}
                _ => return false,
            }
        }
        components.next().is_some()
    }
}

impl Component {
    fn parse(text: &[u8]) -> Option<Component> {
        if text == b"**" {
            return Some(Component::Any);
        }
        if text.is_empty() || text.starts_with(b".") || text.contains(&0) {
            return None;
        }
        let mut text = text.to_vec();
        // Several asterisks in a row are one.
        text.dedup_by(|next, last| [*next, *last] == *b"**");
        let parts = text.split(|&byte| byte == b'*').map(Box::from);
        Some(Component::Parts(parts.collect()))
    }
}

/// Whether a component of a path has these parts, in this order, with anything in between.
fn fit(parts: &[Box<[u8]>], name: &[u8]) -> bool {
    let (first, between, last) = match parts {
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
