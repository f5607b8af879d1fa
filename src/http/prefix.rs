//! Parts of the tree that are written as a path: what a token opens, and what may be written.

use std::fmt;

use super::target::{self, Path, Target};

/// A path, and all names below it by whole components: `/in` and `/in/x`, but not `/inner`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Box<[u8]>);

impl Prefix {
    /// Reads a path as it stands in a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Prefix, &'static str> {
        match target::decode(text) {
            // Cut off at a query, the path would mean more than what is written there.
            Ok(Target::Path(path)) if text.starts_with(b"/") && !text.contains(&b'?') => {
                Ok(Prefix(path.name))
            }
            Ok(Target::Nowhere) => Err("the server never serves such a path"),
            _ => Err("the path must begin with / and be percent-encoded as in a URL"),
        }
    }

    /// The decoded path, without a leading slash; empty: everything.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.0
    }

    /// Whether a path is this one or below it.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        *path.name == *self.0 || self.below(path).is_some()
    }

    /// What follows the prefix in a path that is below it, without a leading slash.
    #[must_use]
    pub fn below<'a>(&self, path: &'a Path) -> Option<&'a [u8]> {
        let rest = path.name.strip_prefix(&*self.0)?;
        let rest = match &*self.0 {
            [] => rest,
            _ => rest.strip_prefix(b"/")?,
        };
        (!rest.is_empty()).then_some(rest)
    }
}

impl fmt::Display for Prefix {
    /// As it stands in a URL.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "/{}", target::encode(&self.0))
    }
}

/// What may be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefixes(Vec<Prefix>);

impl Prefixes {
    /// Adds one.
    pub fn add(&mut self, prefix: Prefix) {
        self.0.push(prefix);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Prefix> {
        self.0.iter()
    }

    /// The first one that a path is below, by its position, and the rest of the path.
    #[must_use]
    pub fn find<'a>(&self, path: &'a Path) -> Option<(usize, &'a [u8])> {
        let found = |(index, prefix): (usize, &Prefix)| Some((index, prefix.below(path)?));
        self.0.iter().enumerate().find_map(found)
    }
}
