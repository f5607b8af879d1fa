//! One line of the log, as text for people or as JSON for programs.

use std::fmt::{Display, Write};
use std::time::SystemTime;

use log::kv::{self, Key, Source, Value, VisitSource, VisitValue};

use crate::http::date::Date;
use crate::http::json_value::write_string;

/// `--log-format`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-28T10:59:56.123Z INFO message`
    #[default]
    Text,
    /// One object on each line: `time`, `level`, `message`, and the fields of the message.
    Json,
}

/// Few lines have more bytes: they are not grown piece by piece.
const USUAL: usize = 160;

impl Format {
    /// A line with its end. `fields` stand in JSON only: the message says the same.
    #[must_use]
    pub fn line(self, level: &str, message: &dyn Display, fields: &dyn Source) -> String {
        let time = Date::with_milliseconds(SystemTime::now());
        let mut out = String::with_capacity(USUAL);
        // Writing to a String cannot fail.
        if self == Format::Text {
            let _ = write!(out, "{time} {level} {message}");
            return text_line(out);
        }
        let _ = write!(
            out,
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"message\":"
        );
        write_string(&mut out, &message.to_string());
        let _ = fields.visit(&mut Fields(&mut out));
        out.push_str("}\n");
        without_error_numbers(out)
    }
}

/// A line of text with its end. It is one line, whatever names and arguments it quotes: they cannot begin another one, and have no
/// power over a terminal.
#[must_use]
pub fn text_line(message: String) -> String {
    let mut line = without_error_numbers(message);
    if line.contains(char::is_control) {
        line = line.replace(char::is_control, "\u{fffd}");
    }
    line.push('\n');
    line
}

/// A message without the numbers that the standard library puts behind the words of a system's error, as in `Address already
/// in use (os error 98)`: the words say it. Here, where every line passes, and not where each error becomes text.
#[must_use]
pub fn without_error_numbers(message: String) -> String {
    const BEFORE: &str = " (os error ";
    if !message.contains(BEFORE) {
        return message;
    }
    let mut pieces = message.split(BEFORE);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(')') {
            Some((number, rest)) if number.parse::<u32>().is_ok() => out.push_str(rest),
            _ => out.extend([BEFORE, piece]),
        }
    }
    out
}

/// Appends fields to an object.
struct Fields<'a>(&'a mut String);

impl<'a> VisitSource<'a> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'a>, value: Value<'a>) -> Result<(), kv::Error> {
        // What does not apply.
        if value.to_borrowed_str() == Some("") {
            return Ok(());
        }
        self.0.push(',');
        write_string(self.0, key.as_str());
        self.0.push(':');
        value.visit(Field(self.0))
    }
}

/// Appends the value of a field.
struct Field<'a>(&'a mut String);

impl<'a> VisitValue<'a> for Field<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        write_string(self.0, &value.to_string());
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }
}
