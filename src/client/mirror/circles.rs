//! Links that lead in circles: a directory below itself, as deep as a mirror goes. Pure.

use super::catalog::Catalog;
use super::listing::Listing;
use super::plan::Listed;

impl Catalog {
    /// Directories that are the same as one above them, as far as the lists tell.
    #[must_use]
    pub fn circles(&self) -> Vec<Box<[u8]>> {
        let circles = self.prefixes().filter(|prefix| self.is_circle(prefix));
        circles.map(Box::from).collect()
    }

    fn is_circle(&self, prefix: &[u8]) -> bool {
        let Some((_, parents)) = prefix.split_last() else {
            return false;
        };
        let slashes = (0..parents.len()).filter(|&at| parents[at] == b'/');
        let mut above = slashes.map(|at| at + 1).chain([0]);
        let list_of = |prefix: &[u8]| self.parts.get(prefix).map(|part| &part.listing);
        let list = list_of(prefix);
        above.any(|end| {
            let lists = list.zip(list_of(&prefix[..end]));
            lists.is_some_and(|(one, other)| is_same(one, other))
        })
    }
}

/// Whether two lists have the same directories, and some file in common: the others may have changed between the two.
fn is_same(one: &Listing, other: &Listing) -> bool {
    let has = |file: &Listed| {
        let same = |it: &Listed| it.etag == file.etag && it.name == file.name;
        other.files.iter().any(same)
    };
    !one.directories.is_empty() && one.directories == other.directories && one.files.iter().any(has)
}
