//! The query of a request target: where the answer starts, and what it follows. Other parameters are ignored, as they were
//! sent for a reason that is not ours to know; but a value of ours that nobody can understand is refused and not guessed.

use percent_encoding::percent_decode;

use super::conditional::ETag;
use super::list_query::{ListQuery, Sort};
use super::pattern::{self, Pattern};
use super::position::Positions;
use crate::limits::EVENT_FILES_MAX;

const WRONG_LINES: &str = "malformed lines= in the query: expected a number, once";
const WRONG_FROM: &str = "malformed from= in the query: expected from=end, once";
const WRONG_ID: &str = "malformed last-event-id= in the query: expected the id of an event, once";
const WRONG_OTHER_ID: &str =
    "malformed lastEventId= in the query: expected the id of an event, once";
const WRONG_FILES: &str = "malformed files= in the query: expected up to 32 different visible names or patterns; slashes need **";
const _: () = assert!(EVENT_FILES_MAX == 32, "as WRONG_FILES says");
const WRONG_GENERATION: &str =
    "malformed generation= in the query: expected the 16 hexadecimal digits of an ETag, once";
const WRONG_GENERATIONS: &str =
    "malformed generations= in the query: expected generations without a value, once";
const WRONG_SORT: &str = "malformed sort= in the query: expected name, size or time, once";
const WRONG_AFTER: &str =
    "malformed after= in the query: expected what a link to the next page has, once";
const WRONG_FILTER: &str = "malformed filter= in the query: expected it once";

/// Where an answer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// `lines=N`: with the last so many lines.
    Lines(u64),
    /// `from=end`: with nothing old.
    End,
}

/// What a query says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Where to start. If it says both, `lines` counts.
    pub start: Option<Start>,
    /// `view`: the viewer of a file, for browsers.
    pub view: bool,
    /// `last-event-id=ID` or `lastEventId=ID`: an event stream continues after this event.
    pub positions: Option<Positions>,
    /// `files=LIST`: an event stream of a directory follows these of its files.
    pub files: Option<Box<[Pattern]>>,
    /// `generation=TAG`: the file with this tag, which has the name or had it before.
    pub generation: Option<ETag>,
    /// `sort=`, `after=`, `filter=`: a page of the list of a directory. To other paths they mean nothing.
    pub list: ListQuery,
    /// `generations`: which files have the name or had it before.
    pub generations: bool,
}

/// Reads the query of a target, if it has one.
///
/// # Errors
/// What is wrong with a parameter of ours: it is malformed or repeated.
pub fn parse(target: &[u8]) -> Result<Query, &'static str> {
    let mut query = Query::default();
    let Some(mark) = target.iter().position(|&byte| byte == b'?') else {
        return Ok(query);
    };
    let (mut lines, mut from, mut generations) = (None, None, None);
    let mut newer = None;
    let (mut sort, mut after, mut filter) = (None, None, None);
    let directory = target[..mark].ends_with(b"/");
    for parameter in target[mark + 1..].split(|&byte| byte == b'&') {
        let equals = parameter.iter().position(|&byte| byte == b'=');
        let (name, value) = parameter.split_at(equals.unwrap_or(parameter.len()));
        let value = value.get(1..).unwrap_or_default();
        match name {
            b"lines" => once(&mut lines, number(value), WRONG_LINES)?,
            b"from" => {
                let end = (value == b"end").then_some(Start::End);
                once(&mut from, end, WRONG_FROM)?;
            }
            b"last-event-id" => once(&mut query.positions, positions(value), WRONG_ID)?,
            // What libraries add that stand in for EventSource; at first there is no event.
            b"lastEventId" if !value.is_empty() => {
                once(&mut newer, positions(value), WRONG_OTHER_ID)?;
            }
            b"view" => query.view = true,
            b"files" => once(&mut query.files, pattern::parse(value), WRONG_FILES)?,
            b"generation" => {
                let etag = ETag::from_digits(value);
                once(&mut query.generation, etag, WRONG_GENERATION)?;
            }
            b"generations" => {
                let bare = equals.is_none().then_some(());
                once(&mut generations, bare, WRONG_GENERATIONS)?;
            }
            b"sort" if directory => once(&mut sort, Sort::parse(value), WRONG_SORT)?,
            b"after" if directory => once(&mut after, Some(value), WRONG_AFTER)?,
            b"filter" if directory => once(&mut filter, Some(value), WRONG_FILTER)?,
            _ => {}
        }
    }
    let list = ListQuery::new(sort.unwrap_or_default(), after, filter.unwrap_or_default());
    query.list = list.ok_or(WRONG_AFTER)?;
    query.generations = generations.is_some();
    // They add it beside the query that the page began with.
    query.positions = newer.or(query.positions);
    query.start = lines.map(Start::Lines).or(from);
    Ok(query)
}

/// An event id, percent-encoded or not.
fn positions(value: &[u8]) -> Option<Positions> {
    Positions::parse(&percent_decode(value).collect::<Vec<u8>>())
}

fn once<T>(
    field: &mut Option<T>,
    value: Option<T>,
    wrong: &'static str,
) -> Result<(), &'static str> {
    if field.is_some() || value.is_none() {
        return Err(wrong);
    }
    *field = value;
    Ok(())
}

/// As many as there are, if the number is too large.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = str::from_utf8(digits).ok()?;
    Some(digits.parse().unwrap_or(u64::MAX))
}
