//! A page of a directory as plain text, for a terminal: a line for each entry, with its name, size and time.

use std::fmt::{self, Write};

use super::select::Page;
use crate::http::list_query::ListQuery;
use crate::subscription::entry::Kind;

/// The widest column of names: a longer name shifts only its own line.
const WIDEST: usize = 48;

/// Writes it. `next`: the query of the next page.
pub fn write(page: &Page, next: Option<&ListQuery>) -> String {
    let mut text = String::new();
    let names: Vec<String> = page
        .entries
        .iter()
        .map(|(name, entry)| match entry.kind {
            Kind::Directory => format!("{}/", Plain(name)),
            Kind::File { .. } => Plain(name).to_string(),
        })
        .collect();
    let widths = names.iter().map(|name| name.chars().count());
    let width = widths.filter(|&width| width <= WIDEST).max().unwrap_or(0);
    for (name, (_, entry)) in names.iter().zip(&page.entries) {
        let (size, job) = match entry.kind {
            Kind::Directory => (String::from("-"), None),
            Kind::File { size, job, .. } => (size.to_string(), job),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{name:width$}  {size:>12}  {}", entry.modified.iso());
        let _ = match job {
            Some(job) => writeln!(text, "  job: {job}"),
            None => writeln!(text),
        };
    }
    let (shown, count) = (page.entries.len(), page.count);
    let _ = match next {
        Some(next) => writeln!(text, "# {shown} of {count} entries, more: {next}"),
        None if shown < count => writeln!(text, "# {shown} of {count} entries"),
        None => Ok(()),
    };
    text
}

/// A name that stays on its line: control characters, and what is not UTF-8, are percent-encoded, and so is the percent sign.
struct Plain<'a>(&'a [u8]);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '%' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                        encoded(character, out)?
                    }
                    control if control.is_control() => encoded(control, out)?,
                    other => out.write_char(other)?,
                }
            }
            for byte in chunk.invalid() {
                write!(out, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

fn encoded(character: char, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buffer = [0; 4];
    let bytes = character.encode_utf8(&mut buffer).bytes();
    bytes
        .into_iter()
        .try_for_each(|byte| write!(out, "%{byte:02X}"))
}
