//! Which part of the list of a directory a query asks for, and in which order: `?sort=size&after=4711/NAME&filter=TEXT`.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::target::Path;

/// A page of the list of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// In which order.
    pub sort: Sort,
    /// After which entry the page begins.
    pub after: Option<Place>,
    /// Only names that contain this, in upper or lower case of ASCII.
    pub filter: Box<[u8]>,
}

/// The order of a list. Entries that are alike in it are in order of name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By the bytes of the names.
    #[default]
    Name,
    /// The largest file first; directories come last.
    Size,
    /// What was changed last first.
    Time,
}

/// Where an entry is in the order of a list: by its size, or the seconds since 1970 of its change (the largest first), then
/// its name. In order of name the first number is 0 for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What the list is sorted by, turned round: the smallest is the largest.
    order: u64,
    /// The name of the entry.
    pub name: Box<[u8]>,
}

impl Place {
    /// That of an entry with this size or time.
    #[must_use]
    pub fn new(key: u64, name: &[u8]) -> Place {
        Place {
            order: u64::MAX - key,
            name: name.into(),
        }
    }

    fn key(&self) -> u64 {
        u64::MAX - self.order
    }
}

impl Sort {
    /// Reads the value of `sort=`.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Sort> {
        match value {
            b"name" => Some(Sort::Name),
            b"size" => Some(Sort::Size),
            b"time" => Some(Sort::Time),
            _ => None,
        }
    }

    /// As it stands in a query.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Time => "time",
        }
    }
}

impl ListQuery {
    /// Puts together what the parameters say; `after` is percent-encoded. `None`: it is no place in this order.
    #[must_use]
    pub fn new(sort: Sort, after: Option<&[u8]>, filter: &[u8]) -> Option<ListQuery> {
        let after = match after {
            None => None,
            Some(after) => Some(place(sort, percent_decode(after).collect())?),
        };
        // A form writes a space as a plus sign.
        let plus = |&byte: &u8| if byte == b'+' { b' ' } else { byte };
        let filter: Vec<u8> = filter.iter().map(plus).collect();
        let filter = percent_decode(&filter).collect::<Vec<u8>>();
        Some(ListQuery {
            sort,
            after,
            filter: filter.into(),
        })
    }

    /// Whether a name is one of those that are listed.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        let filter = &self.filter;
        filter.is_empty()
            || name
                .windows(filter.len())
                .any(|part| part.eq_ignore_ascii_case(filter))
    }

    /// The same from its beginning, in this order.
    #[must_use]
    pub fn sorted(&self, sort: Sort) -> ListQuery {
        ListQuery {
            sort,
            after: None,
            filter: self.filter.clone(),
        }
    }

    /// The same, of what comes after this place.
    #[must_use]
    pub fn behind(&self, place: &Place) -> ListQuery {
        ListQuery {
            after: Some(place.clone()),
            ..self.clone()
        }
    }

    /// As a URI reference of a directory.
    #[must_use]
    pub fn of(&self, path: &Path) -> String {
        format!("{path}{self}")
    }
}

/// `NAME`, or in other orders `KEY/NAME`: no name has a slash in it.
fn place(sort: Sort, after: Vec<u8>) -> Option<Place> {
    if sort == Sort::Name {
        return Some(Place::new(0, &after));
    }
    let slash = after.iter().position(|&byte| byte == b'/')?;
    let key = str::from_utf8(&after[..slash]).ok()?.parse().ok()?;
    Some(Place::new(key, &after[slash + 1..]))
}

impl fmt::Display for ListQuery {
    /// With its question mark; `?` alone leads to the beginning.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "?";
        if self.sort != Sort::Name {
            write!(out, "?sort={}", self.sort.word())?;
            separator = "&";
        }
        if !self.filter.is_empty() {
            let filter = percent_encode(&self.filter, NON_ALPHANUMERIC);
            write!(out, "{separator}filter={filter}")?;
            separator = "&";
        }
        if let Some(place) = &self.after {
            write!(out, "{separator}after=")?;
            if self.sort != Sort::Name {
                write!(out, "{}/", place.key())?;
            }
            write!(out, "{}", percent_encode(&place.name, NON_ALPHANUMERIC))?;
        }
        Ok(())
    }
}
