//! The value of an option: from what was typed to what is meant, or one line that names the option and says what is right.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::ValueExt;

/// Longest timeout, ten years: a bound against arithmetic overflow.
const SECONDS_MAX: u64 = 320_000_000;

/// An option with its value.
pub struct Argument {
    option: &'static str,
    value: OsString,
    command: &'static str,
}

impl Argument {
    pub(super) fn new(option: &'static str, value: OsString, command: &'static str) -> Argument {
        Argument {
            option,
            value,
            command,
        }
    }

    /// The message that the value is wrong.
    #[must_use]
    pub fn wrong(&self, why: impl Display) -> String {
        format!("--{} {}: {why}", self.option, self.value.display())
    }

    /// Any text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn string(&self) -> Result<String, String> {
        let text = self.value.clone().string();
        text.map_err(|error| explain(error, self.command))
    }

    /// A path, which may be any bytes.
    ///
    /// # Errors
    /// It is empty.
    pub fn path(&self) -> Result<PathBuf, String> {
        match self.value.is_empty() {
            true => Err(self.wrong("expected a path")),
            false => Ok(self.value.clone().into()),
        }
    }

    /// What its type reads from text.
    ///
    /// # Errors
    /// The type's own.
    pub fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, String> {
        self.string()?.parse().map_err(|why| self.wrong(why))
    }

    /// A number from `least` to `most`.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, least: usize, most: usize) -> Result<usize, String> {
        match self.string()?.parse() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ if most == usize::MAX => {
                Err(self.wrong(format_args!("expected a number that is at least {least}")))
            }
            _ => Err(self.wrong(format_args!("expected a number from {least} to {most}"))),
        }
    }

    /// Seconds, with a fraction or without.
    ///
    /// # Errors
    /// It is no number, or too large.
    pub fn seconds(&self) -> Result<Duration, String> {
        self.seconds_from("from 0 to", |_| true)
    }

    /// Numbers of seconds with commas between them.
    ///
    /// # Errors
    /// As [`Argument::seconds`].
    pub fn list_of_seconds(&self) -> Result<Vec<Duration>, String> {
        let text = self.string()?;
        let list: Option<Vec<Duration>> = text.split(',').map(decimal).collect();
        list.ok_or_else(|| self.wrong("expected numbers of seconds, with commas between them"))
    }

    /// Seconds that are not zero.
    ///
    /// # Errors
    /// As [`Argument::seconds`], or it is zero.
    pub fn positive_seconds(&self) -> Result<Duration, String> {
        self.seconds_from("more than 0, up to", |duration| !duration.is_zero())
    }

    fn seconds_from(
        &self,
        range: &str,
        allowed: fn(&Duration) -> bool,
    ) -> Result<Duration, String> {
        decimal(&self.string()?).filter(allowed).ok_or_else(|| {
            self.wrong(format_args!(
                "expected a number of seconds {range} {SECONDS_MAX}"
            ))
        })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn explain(error: impl Display, command: &str) -> String {
    format!("{error}; {}", where_to_look(command))
}

/// The end of a message: what lists the options of a command.
pub(super) fn where_to_look(command: &str) -> String {
    let space = if command.is_empty() { "" } else { " " };
    format!("openrange {command}{space}--help lists the options")
}

/// `1`, `0.25` or `.5`, to the nanosecond below. Without floating point, of which the parser is 30 KB of the binary.
fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let seconds = match whole {
        "" => 0,
        whole => whole.parse().ok().filter(|&n| n <= SECONDS_MAX)?,
    };
    let nanoseconds = (0..9).fold(0, |sum, place| {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        sum * 10 + u32::from(digit)
    });
    Some(Duration::new(seconds, nanoseconds))
}
