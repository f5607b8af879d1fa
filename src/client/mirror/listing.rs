//! What there is at the origin: a topic list of a directory, or the generations of one file.

use percent_encoding::percent_decode_str;

use super::plan::Listed;
use super::stage::rolled;
use crate::http::conditional::ETag;
use crate::http::json_value::Value;
use crate::http::response;
use crate::sorted::{SortedMap, SortedSet};

/// A list of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Those that can be mirrored.
    pub files: Vec<Listed>,
    /// Directories: names.
    pub directories: Vec<Box<[u8]>>,
    /// There are more.
    pub partial: bool,
    /// Of one file's generations: the one that has the name.
    pub live: Option<ETag>,
    /// The origin is a copy itself, and its mirror has not finished a roll: these files are listed by the names that they are to
    /// have there; these are those that they have.
    pub paths: Vec<(ETag, Box<[u8]>)>,
    /// All that the list names, also what is older than what is mirrored.
    pub all: Vec<ETag>,
}

/// A page of the list of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// What is on it. It is partial if more comes after it.
    pub listing: Listing,
    /// Where the next one is: a reference relative to the directory.
    pub next: Option<Box<str>>,
    /// The least name on it, of whatever.
    pub first: Option<Box<[u8]>>,
    /// The greatest.
    pub last: Option<Box<[u8]>>,
}

/// Reads a page of a topic list; `None` if it is none.
#[must_use]
pub fn directory(document: &[u8]) -> Option<Page> {
    let value = Value::parse(document)?;
    let mut page = Page {
        next: value.get("next").and_then(Value::as_str).map(Box::from),
        ..Page::default()
    };
    let listing = &mut page.listing;
    listing.partial = value.get("truncated")?.as_bool()?;
    for entry in value.get("entries")?.items() {
        let path = entry.get("path")?.as_str()?;
        let decoded: Box<[u8]> = percent_decode_str(path.trim_end_matches('/')).collect();
        if page.first.as_ref().is_none_or(|first| decoded < *first) {
            page.first = Some(decoded.clone());
        }
        if page.last.as_ref().is_none_or(|last| decoded > *last) {
            page.last = Some(decoded);
        }
        match entry.get("kind")?.as_str()? {
            "file" => listing
                .files
                .extend(name(path).and_then(|name| file(entry, name))),
            _ => listing.directories.extend(name(path.trim_end_matches('/'))),
        }
    }
    move_files(&mut page.listing, value.get("moving"));
    Some(page)
}

/// Gives files the names that they are to have, unless a file that stays has such a name.
fn move_files(listing: &mut Listing, moving: Option<&Value>) {
    let moving = moving.map(Value::items).unwrap_or_default().iter();
    let names = moving.filter_map(|it| {
        let named = |key| it.get(key).and_then(Value::as_str).and_then(name);
        Some((named("path")?, named("to")?))
    });
    let mut names: SortedMap<Box<[u8]>, Box<[u8]>> = names.collect();
    let stays = |file: &&Listed| !names.contains_key(&file.name);
    let stay = listing.files.iter().filter(stays);
    let mut stay: SortedSet<Box<[u8]>> = stay.map(|file| file.name.clone()).collect();
    loop {
        let blocked = names.iter().find(|(_, to)| stay.contains(to));
        let Some(from) = blocked.map(|(from, _)| from.clone()) else {
            break;
        };
        names.remove(&from);
        stay.insert(from);
    }
    for file in &mut listing.files {
        if let Some(to) = names.get(&file.name) {
            let from = std::mem::replace(&mut file.name, to.clone());
            listing.paths.push((file.etag, from));
        }
    }
}

/// Reads a list of generations; `above`: the path of the directory of the file, as it is sent, with its last slash. From the
/// list only the files from the first one on that is `known`; if none is, only the one that has the name.
#[must_use]
pub fn generations(
    document: &[u8],
    above: &str,
    known: impl Fn(&Listed) -> bool,
) -> Option<Listing> {
    let value = Value::parse(document)?;
    let log = value.get("path").and_then(Value::as_str);
    let log = log.and_then(|path| name(path.rsplit('/').next()?));
    let mut files = Vec::new();
    let mut paths = Vec::new();
    let mut current = None;
    for entry in value.get("generations")?.items() {
        if !matches!(
            entry.get("compressed"),
            None | Some(Value::Null | Value::Bool(false))
        ) {
            continue;
        }
        let Some(path) = entry.get("path")?.as_str()?.strip_prefix(above) else {
            continue;
        };
        let is_current = entry
            .get("current")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        if let Some(mut file) = name(path).and_then(|name| file(entry, name)) {
            if is_current {
                current = Some(files.len());
            }
            let rolls = entry.get("rolls").and_then(Value::as_u64);
            let rolls = rolls.and_then(|rolls| u32::try_from(rolls).ok());
            if let Some((rolls, log)) = rolls.zip(log.as_deref()) {
                let to_be = rolled(&file.name, log, rolls);
                paths.push((file.etag, std::mem::replace(&mut file.name, to_be)));
            }
            files.push(file);
        }
    }
    let live = current.map(|current: usize| files[current].etag);
    let all = files.iter().map(|file: &Listed| file.etag).collect();
    let first = files
        .iter()
        .position(known)
        .or(current)
        .unwrap_or(files.len());
    Some(Listing {
        files: files.split_off(first),
        paths,
        live,
        all,
        ..Listing::default()
    })
}

fn file(entry: &Value, name: Box<[u8]>) -> Option<Listed> {
    Some(Listed {
        name,
        etag: response::tag(entry.get("etag")?.as_str()?)?,
        size: entry.get("size")?.as_u64()?,
        modified: entry.get("mtime").and_then(Value::as_u64).unwrap_or(0),
        sealed: entry
            .get("sealed")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// The name that a path stands for, if a mirror may use it: it leads nowhere else and is not hidden.
fn name(path: &str) -> Option<Box<[u8]>> {
    let name: Vec<u8> = percent_decode_str(path).collect();
    let sound = |part: &[u8]| !part.is_empty() && part[0] != b'.' && !part.contains(&0);
    let parts = name.split(|&byte| byte == b'/');
    (parts.clone().count() <= 2 && parts.clone().all(sound)).then(|| name.clone().into())
}
