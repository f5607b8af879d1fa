//! A mirror that was away over several rolls does them one after the other, so that whoever follows the log here gets every
//! generation, and in order. Pure.

use super::plan::{Listed, Local};
use crate::http::conditional::ETag;
use crate::http::target::last_component;
use crate::sorted::{SortedMap, SortedSet, sort_by_key};
use crate::store::generations::family::{Series, bases, kinship};

/// Which file has which name.
pub type Names = SortedMap<Box<[u8]>, ETag>;

/// A log of which the file that has the name at the origin is not here yet, but earlier ones are; or none has it there; or its
/// name stays, but some files are to get other numbers, between which one is free.
#[derive(Default)]
struct Log {
    /// The place in the list of the file that has the name.
    current: Option<usize>,
    /// Earlier files: their places in the list.
    here: Vec<(usize, Series)>,
    missing: Vec<(usize, Series)>,
    /// Some copy is or was one of this log.
    known: bool,
    /// The name stays.
    stays: bool,
    /// Some file that is here is to get another number.
    moves: bool,
}

/// What is to be reached now.
#[derive(Debug)]
pub struct Stage {
    /// The files.
    pub files: Vec<Listed>,
    /// The names of some logs would pass on, but two lists did not say the same of them.
    pub doubtful: SortedSet<Box<[u8]>>,
}

/// What the origin listed at an earlier moment, which the mirror is to reach now: of each log the oldest generation that is
/// not here has the name, and none that is newer is there; or the name stays where it is, until that copy is complete. When a
/// log is new here, nobody has followed it: then all of it begins at once.
///
/// A list that was made while names changed may lack a file, and what was left out could not come later. So the name of a
/// log passes on when a second list says the same of its family; so it is with numbers that leave one free. `before`: which
/// file had which name in the list before; `None`: of this log the present one is believed.
#[must_use]
pub fn stage<'a>(
    listed: &[Listed],
    locals: &[Local],
    before: &dyn Fn(&[u8]) -> Option<&'a Names>,
) -> Stage {
    let mut doubtful = SortedSet::new();
    let copies: SortedMap<ETag, &Local> = locals.iter().map(|local| (local.etag, local)).collect();
    let mut names: SortedMap<usize, Option<Box<[u8]>>> = SortedMap::new();
    for (name, log) in logs(listed, &copies) {
        if before(&name).is_some_and(|before| !log.is_as_before(&name, listed, before)) {
            log.stay(listed, &copies, &mut names);
            doubtful.insert(name);
            continue;
        }
        if log.stays {
            continue;
        }
        let holder = locals.iter().find(|local| *local.name == *name);
        log.rewind(&name, listed, holder, &mut names);
    }
    let files = listed.iter().enumerate();
    let staged = files.filter_map(|(index, file)| match names.remove(&index) {
        None => Some(file.clone()),
        Some(name) => Some(Listed {
            name: name?,
            ..file.clone()
        }),
    });
    Stage {
        files: staged.collect(),
        doubtful,
    }
}

/// The logs whose names have passed on to files that are not here, with their families.
fn logs(listed: &[Listed], copies: &SortedMap<ETag, &Local>) -> SortedMap<Box<[u8]>, Log> {
    let files = || listed.iter().enumerate();
    let is_here = |file: &Listed| copies.contains_key(&file.etag);
    let log = |known, current| Log {
        known,
        current,
        ..Log::default()
    };
    let named = |local: &&Local| (local.name.clone(), log(true, None));
    let mut logs: SortedMap<Box<[u8]>, Log> = copies.values().map(named).collect();
    let passed_on = files().filter(|(_, file)| !is_here(file));
    let passed_on: Vec<(Box<[u8]>, Log)> = passed_on
        .map(|(index, file)| {
            let known = logs.contains_key(&file.name);
            (file.name.clone(), log(known, Some(index)))
        })
        .collect();
    logs.extend(passed_on);
    let stays = files().filter(|(_, file)| is_here(file));
    let stays: SortedSet<&[u8]> = stays.map(|(_, file)| &*file.name).collect();
    for base in renumbered_logs(listed, copies) {
        logs.get_or_insert(base, Log::default()).moves = true;
    }
    for name in stays.iter() {
        if let Some(log) = logs.get_mut(*name) {
            log.stays = log.current.is_none();
        }
    }
    for (index, file) in files() {
        for base in bases(&file.name) {
            let Some(log) = logs.get_mut(&*base) else {
                continue;
            };
            let series = kinship(&file.name, &base).map(|kinship| kinship.series);
            let here = is_here(file);
            let known = if here {
                &mut log.here
            } else {
                &mut log.missing
            };
            if known.last().is_none_or(|(other, _)| *other != index) {
                known.extend(series.map(|series| (index, series)));
            }
            log.known |= here;
        }
    }
    logs.retain(|_, log| {
        let passes_on = !log.stays && (log.current.is_some() || !log.missing.is_empty());
        log.known && (passes_on || log.moves && log.lacks_a_number())
    });
    logs
}

/// The logs of which some file that is here is to get another number.
fn renumbered_logs(listed: &[Listed], copies: &SortedMap<ETag, &Local>) -> Vec<Box<[u8]>> {
    let moves = |file: &&Listed| {
        let copy = copies.get(&file.etag);
        copy.is_some_and(|copy| copy.name != file.name)
    };
    let moving = listed.iter().filter(moves);
    let logs = moving.flat_map(|file| bases(&file.name).map(Box::from));
    logs.collect()
}

impl Log {
    fn family(&self) -> impl Iterator<Item = usize> {
        let earlier = self.here.iter().chain(&self.missing);
        earlier.map(|(index, _)| *index).chain(self.current)
    }

    /// Whether a number is free below another one.
    fn lacks_a_number(&self) -> bool {
        let number = |(_, series): &(usize, Series)| match series {
            Series::Number(number) => Some(*number),
            Series::Date(_) => None,
        };
        let files = self.here.iter().chain(&self.missing);
        let numbers: SortedSet<u32> = files.filter_map(number).collect();
        let last = numbers.last().copied().unwrap_or(0) as usize;
        numbers.count_in(1..u32::MAX) < last
    }

    /// Whether the list before named the same files of it.
    fn is_as_before(&self, name: &[u8], listed: &[Listed], before: &Names) -> bool {
        let had = self.stays || before.contains_key(name) == self.current.is_some();
        let mut family = self.family();
        had && family.all(|index| {
            let file = &listed[index];
            before.get(&file.name) == Some(&file.etag)
        })
    }

    /// Leaves everything as it is.
    fn stay(
        &self,
        listed: &[Listed],
        copies: &SortedMap<ETag, &Local>,
        names: &mut SortedMap<usize, Option<Box<[u8]>>>,
    ) {
        for index in self.family() {
            let copy = copies.get(&listed[index].etag);
            names.insert(index, copy.map(|copy| copy.name.clone()));
        }
    }

    /// Gives its files the names that they had at that moment; `None`: the file was not there. `holder`: the copy that has the
    /// name here.
    fn rewind(
        mut self,
        name: &[u8],
        listed: &[Listed],
        holder: Option<&Local>,
        names: &mut SortedMap<usize, Option<Box<[u8]>>>,
    ) {
        let here = &self.here;
        let is_newest = |series: Series| here.iter().all(|(_, other)| is_newer(series, *other));
        self.missing.retain(|(index, series)| {
            is_newest(*series) && kinship(&listed[*index].name, name).is_some_and(is_plain)
        });
        sort_by_key(&mut self.missing, |(_, series)| age(*series));

        let incomplete = holder.and_then(|holder| {
            let (index, series) = here
                .iter()
                .find(|(index, _)| listed[*index].etag == holder.etag)?;
            (holder.size < listed[*index].size).then_some((*index, *series))
        });
        let next = incomplete.or(self.missing.first().copied());
        let Some((next, series)) = next else {
            return;
        };
        names.extend(self.missing.iter().map(|(index, _)| (*index, None)));
        names.extend(self.current.map(|current| (current, None)));
        names.insert(next, Some(name.into()));
        let Series::Number(rolls) = series else {
            return;
        };
        for (index, series) in &self.here {
            if let Series::Number(number) = series
                && *index != next
                && let Some(number) = number.checked_sub(rolls)
            {
                let name = renumbered(&listed[*index].name, name, number);
                names.insert(*index, Some(name));
            }
        }
    }
}

fn is_plain(kinship: crate::store::generations::family::Kinship) -> bool {
    kinship.compression.is_none()
}

/// Of a number and a date neither tells.
fn is_newer(series: Series, other: Series) -> bool {
    match (series, other) {
        (Series::Number(number), Series::Number(other)) => number < other,
        (Series::Date(date), Series::Date(other)) => date > other,
        _ => true,
    }
}

/// The oldest is least.
fn age(series: Series) -> (i64, u32) {
    match series {
        Series::Number(number) => (-i64::from(number), 0),
        Series::Date(date) => (date.seconds, date.nanoseconds),
    }
}

/// The name of a file of a log that was rolled so many times: that of the file that has the name of the log gets a number.
#[must_use]
pub fn rolled(name: &[u8], log: &[u8], rolls: u32) -> Box<[u8]> {
    match kinship(last_component(name), log).map(|kinship| kinship.series) {
        Some(Series::Number(_)) => {
            let directory = &name[..name.len() - last_component(name).len()];
            let last = renumbered(last_component(name), log, rolls);
            [directory, &last].concat().into()
        }
        _ => [name, format!(".{rolls}").as_bytes()].concat().into(),
    }
}

/// The name of an earlier file of a log with another number: `log.3` or, of `log.txt`, `log.3.txt`; the suffix of a compressor
/// stays.
fn renumbered(name: &[u8], log: &[u8], number: u32) -> Box<[u8]> {
    let same = name.iter().zip(log).take_while(|(a, b)| a == b).count();
    // Where the number begins, the log has its end, or its extension with the same dot.
    let from = if name[..same].ends_with(b".") {
        same
    } else {
        same + 1
    };
    let digits = name[from..].iter().take_while(|byte| byte.is_ascii_digit());
    let to = from + digits.count();
    [&name[..from], number.to_string().as_bytes(), &name[to..]]
        .concat()
        .into()
}
