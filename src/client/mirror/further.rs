//! Further names of a file that has several (links): it has one here, and the mirror says which of them it leaves out. Pure.

use super::catalog::Catalog;
use super::plan::{Listed, further_names};
use crate::http::conditional::ETag;
use crate::limits::MIRROR_FURTHER_NAMES;
use crate::sorted::SortedMap;
use crate::time::Moment;

/// The names that are left out.
#[derive(Default)]
pub struct Further {
    names: SortedMap<Box<[u8]>, Known>,
    /// Some are not reported yet.
    pub(super) waits: bool,
}

#[derive(Clone, Copy)]
struct Known {
    since: Moment,
    reported: bool,
}

impl Further {
    /// Takes the lists, and the name that counts of each file; gives lines to be shown, of each name one. A file that moves may
    /// be in the lists of two directories, or on two pages: so both are to be requested again first.
    pub(super) fn take(
        &mut self,
        listed: &[Listed],
        chosen: &SortedMap<ETag, Listed>,
        catalog: &mut Catalog,
        now: Moment,
    ) -> Vec<String> {
        let further = further_names(listed, chosen);
        let mut lines = Vec::new();
        let mut names = Vec::new();
        let mut reported: SortedMap<&[u8], usize> = SortedMap::new();
        self.waits = false;
        for (name, of) in further.iter() {
            let known = self.names.get(name).copied();
            let mut known = known.unwrap_or(Known {
                since: now,
                reported: false,
            });
            let directories = [directory(name), directory(of)];
            let mut lists = directories.iter();
            let is_sure = lists.all(|prefix| catalog.is_listed_again(prefix, known.since));
            if !known.reported && is_sure {
                known.reported = true;
                let count = reported.get_or_insert(directory(name), 0);
                *count += 1;
                if *count <= MIRROR_FURTHER_NAMES {
                    let [name, of] = [&**name, of].map(String::from_utf8_lossy);
                    lines.push(format!("{name} is left out: it is another name of {of}"));
                }
            } else if !known.reported {
                for prefix in directories {
                    catalog.mark(prefix);
                }
                self.waits = true;
            }
            names.push((name.clone(), known));
        }
        for (prefix, count) in reported.iter() {
            let more = count.saturating_sub(MIRROR_FURTHER_NAMES);
            let below = match *prefix {
                b"" => String::new(),
                prefix => format!("{}: ", String::from_utf8_lossy(prefix)),
            };
            if more > 0 {
                lines.push(format!(
                    "{below}{more} more are left out: they too are other names of files"
                ));
            }
        }
        self.names = names.into_iter().collect();
        lines
    }
}

/// The directory of a name, as the catalog names it.
fn directory(name: &[u8]) -> &[u8] {
    let slash = name.iter().rposition(|&byte| byte == b'/');
    &name[..slash.map_or(0, |slash| slash + 1)]
}
