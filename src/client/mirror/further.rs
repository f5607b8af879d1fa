//! Further names of files that have several (links): which of them the copies get, and what the mirror says of those that they
//! cannot have. Pure.

use super::catalog::Catalog;
use super::plan::{Known, Listed, State, further_names};
use crate::http::conditional::ETag;
use crate::limits::MIRROR_FURTHER_NAMES;
use crate::sorted::SortedMap;
use crate::time::Moment;

/// The further names.
#[derive(Default)]
pub struct Further {
    pub(super) names: SortedMap<Box<[u8]>, Known>,
    /// Of some it is not sure yet.
    pub(super) waits: bool,
}

impl Further {
    /// Takes the lists, and the name that counts of each file. A file that moves may be in the lists of two directories, or on
    /// two pages: so both are to be requested again first.
    pub(super) fn take(
        &mut self,
        listed: &[Listed],
        chosen: &SortedMap<ETag, Listed>,
        catalog: &mut Catalog,
        now: Moment,
    ) {
        let further = further_names(listed, chosen);
        let circles = match further.is_empty() {
            true => Vec::new(),
            false => catalog.circles(),
        };
        let mut names = Vec::new();
        self.waits = false;
        for (name, etag) in further.iter() {
            let Some(of) = chosen.get(etag).map(|file| &file.name) else {
                continue;
            };
            let known = self.names.get(name).copied();
            let known = known.filter(|known| known.etag == *etag);
            let mut known = known.unwrap_or(Known {
                etag: *etag,
                since: now,
                state: State::Unsure,
            });
            let directories = [directory(name), directory(of)];
            let mut lists = directories.iter();
            let is_sure = lists.all(|prefix| catalog.is_listed_again(prefix, known.since));
            let in_circle = || circles.iter().any(|prefix| name.starts_with(prefix));
            known.state = match known.state {
                State::Unsure if is_sure && in_circle() => State::LeftOut(false),
                State::Unsure if is_sure => State::Wanted,
                state => state,
            };
            if known.state == State::Unsure {
                for prefix in directories {
                    catalog.mark(prefix);
                }
                self.waits = true;
            }
            names.push((name.clone(), known));
        }
        self.names = names.into_iter().collect();
    }

    /// The copy of its file cannot have a name: this file system has no links, or not there.
    pub(super) fn leave_out(&mut self, name: &[u8]) {
        if let Some(known) = self.names.get_mut(name) {
            known.state = State::LeftOut(false);
        }
    }

    /// Lines to be shown of names that are left out, of each name one.
    pub(super) fn lines(&mut self, chosen: &SortedMap<ETag, Listed>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut left_out: SortedMap<Box<[u8]>, usize> = SortedMap::new();
        self.names.retain(|name, known| {
            let Some(of) = chosen.get(&known.etag) else {
                return true;
            };
            if known.state != State::LeftOut(false) {
                return true;
            }
            known.state = State::LeftOut(true);
            let count = left_out.get_or_insert(directory(name).into(), 0);
            *count += 1;
            if *count <= MIRROR_FURTHER_NAMES {
                let [name, of] = [name, &of.name].map(|name| String::from_utf8_lossy(name));
                lines.push(format!("{name} is left out: it is another name of {of}"));
            }
            true
        });
        for (prefix, count) in left_out.iter() {
            let more = count.saturating_sub(MIRROR_FURTHER_NAMES);
            let below = match &**prefix {
                b"" => String::new(),
                prefix => format!("{}: ", String::from_utf8_lossy(prefix)),
            };
            if more > 0 {
                lines.push(format!(
                    "{below}{more} more are left out: they too are other names of files"
                ));
            }
        }
        lines
    }
}

/// The directory of a name, as the catalog names it.
fn directory(name: &[u8]) -> &[u8] {
    let slash = name.iter().rposition(|&byte| byte == b'/');
    &name[..slash.map_or(0, |slash| slash + 1)]
}
