//! A table of options: what a command takes, from which its arguments are parsed and its usage text is printed. The man
//! page and the completions are held against the same rows by tests.

use std::ffi::OsString;
use std::fmt::Write;

use lexopt::Arg;

use super::instead;
use super::nearest::nearest;
use super::value::{Argument, explain, where_to_look};

/// All that is known of a command line of its own: of `openrange` itself, or of one of its commands.
pub struct Table<T: 'static> {
    /// The command, as in `openrange COMMAND`; empty for the server.
    pub command: &'static str,
    /// What the usage text begins with, in lines of at most 80 characters.
    pub about: &'static str,
    /// What follows the name of the command in the usage line.
    pub usage: &'static str,
    /// What is no option: name and text.
    pub operands: &'static [(&'static str, &'static str)],
    /// Takes the next operand.
    pub operand: fn(&mut T, OsString) -> Result<(), String>,
    /// The options, in the order of the usage text, and in groups of what belongs together.
    pub options: &'static [&'static [Row<T>]],
    /// What the usage text ends with, in lines of at most 80 characters.
    pub notes: &'static str,
}

/// An option.
pub struct Row<T: 'static> {
    /// The letter after a single dash, if there is one.
    pub short: Option<char>,
    /// The name after two dashes.
    pub long: &'static str,
    /// What it does with the rest of the command line.
    pub takes: Takes<T>,
    /// What it means, as one paragraph; a default comes at its end as `(default: ...)`.
    pub text: &'static str,
}

/// What an option takes, and what it does.
pub enum Takes<T: 'static> {
    /// Prints the usage text instead of running.
    Help,
    /// Prints the version instead of running.
    Version,
    /// Nothing.
    Nothing(fn(&mut T)),
    /// A value, with the word for it in the usage text.
    Value(&'static str, fn(&mut T, &Argument) -> Result<(), String>),
}

impl<T> Row<T> {
    /// `-h, --help`
    pub const HELP: Row<T> = Row {
        short: Some('h'),
        long: "help",
        takes: Takes::Help,
        text: "print this",
    };

    /// `-V, --version`
    pub const VERSION: Row<T> = Row {
        short: Some('V'),
        long: "version",
        takes: Takes::Version,
        text: "print the version",
    };

    /// `--long`
    pub const fn flag(long: &'static str, text: &'static str, set: fn(&mut T)) -> Row<T> {
        Row {
            short: None,
            long,
            takes: Takes::Nothing(set),
            text,
        }
    }

    /// `--long WORD`
    pub const fn value(
        long: &'static str,
        word: &'static str,
        text: &'static str,
        set: fn(&mut T, &Argument) -> Result<(), String>,
    ) -> Row<T> {
        Row {
            short: None,
            long,
            takes: Takes::Value(word, set),
            text,
        }
    }
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed<T> {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// To run with these options.
    Run(T),
}

/// A row without the type of what it sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// See [`Row::short`].
    pub short: Option<char>,
    /// See [`Row::long`].
    pub long: &'static str,
    /// The word for its value.
    pub value: Option<&'static str>,
    /// See [`Row::text`].
    pub text: &'static str,
}

/// The column in which texts begin, and the longest line.
const TEXT: usize = 28;
const WIDTH: usize = 80;

impl<T> Table<T> {
    /// Parses the arguments of this command into `options`, which has the defaults.
    ///
    /// # Errors
    /// One line that names the wrong argument and says what is right.
    pub fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
        mut options: T,
    ) -> Result<Parsed<T>, String> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let explain = |error| explain(error, self.command);
        while let Some(argument) = parser.next().map_err(explain)? {
            let row = match argument {
                Arg::Value(value) => {
                    (self.operand)(&mut options, value)?;
                    continue;
                }
                Arg::Long(name) => self.rows().find(|row| row.long == name),
                Arg::Short(letter) => self.rows().find(|row| row.short == Some(letter)),
            };
            let Some(row) = row else {
                let names = &mut self.rows().map(|row| row.long);
                return Err(unknown(self.command, argument, names));
            };
            match row.takes {
                Takes::Help | Takes::Version => {
                    // Nothing after it counts, but a value of its own is wrong.
                    if let Err(error @ lexopt::Error::UnexpectedValue { .. }) = parser.next() {
                        return Err(explain(error));
                    }
                    return Ok(match row.takes {
                        Takes::Help => Parsed::Help,
                        _ => Parsed::Version,
                    });
                }
                Takes::Nothing(set) => set(&mut options),
                Takes::Value(_, set) => {
                    let value = parser.value().map_err(explain)?;
                    set(&mut options, &Argument::new(row.long, value, self.command))?;
                }
            }
        }
        Ok(Parsed::Run(options))
    }

    /// The usage text. `commands`: usage lines of further commands.
    #[must_use]
    pub fn help(&self, commands: &[String]) -> String {
        let mut out = format!("{}\nUsage: {}\n", self.about, self.usage_line());
        for line in commands {
            out.push_str(&format!("       {line}\n"));
        }
        out.push('\n');
        for (name, text) in self.operands {
            entry(&mut out, name, text);
        }
        out.push_str("\nOptions:\n");
        for row in self.describe() {
            entry(&mut out, &row.names(), row.text);
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "\n{}", self.notes);
        out
    }

    /// `openrange COMMAND [OPTIONS] ...`
    #[must_use]
    pub fn usage_line(&self) -> String {
        let words = ["openrange", self.command, self.usage];
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    fn rows(&self) -> impl Iterator<Item = &'static Row<T>> {
        self.options.iter().copied().flatten()
    }

    /// The rows as a test reads them.
    pub fn describe(&self) -> impl Iterator<Item = Described> {
        self.rows().map(|row| Described {
            short: row.short,
            long: row.long,
            value: match row.takes {
                Takes::Value(word, _) => Some(word),
                Takes::Help | Takes::Version | Takes::Nothing(_) => None,
            },
            text: row.text,
        })
    }
}

/// The message that a command has no such option. It names the option of this program that another program calls so, or the
/// option with the nearest name.
fn unknown(
    command: &str,
    argument: Arg<'_>,
    names: &mut dyn Iterator<Item = &'static str>,
) -> String {
    let mut letter = [0; 4];
    let (name, near) = match argument {
        Arg::Short(short) => (&*short.encode_utf8(&mut letter), None),
        Arg::Long(long) => (long, nearest(long, names)),
        Arg::Value(_) => ("", None),
    };
    let hint = match command {
        "" => instead::of(name),
        _ => None,
    };
    let error = argument.unexpected();
    match (hint, near) {
        (Some(hint), _) => explain(format_args!("{error}: {hint}"), command),
        (None, Some(near)) => {
            let look = where_to_look(command);
            format!("{error}: did you mean --{near}? {look}")
        }
        (None, None) => explain(error, command),
    }
}

impl Described {
    /// `-h, --help`, `--listen ADDR`
    fn names(&self) -> String {
        let short = self.short.map(|letter| format!("-{letter}, "));
        let value = self.value.map(|word| format!(" {word}"));
        format!(
            "{}--{}{}",
            short.unwrap_or_default(),
            self.long,
            value.unwrap_or_default()
        )
    }
}

/// A name and its text, which begins beside it if there is space, else on the next line.
fn entry(out: &mut String, name: &str, text: &str) {
    let mut line = format!("  {name}");
    if line.len() + 2 > TEXT {
        out.push_str(&line);
        out.push('\n');
        line.clear();
    }
    line.push_str(&" ".repeat(TEXT - line.len()));
    let mut fresh = true;
    // A default stays on one line with its word.
    let text = text.replace("(default: ", "(default:\0");
    for word in text.split(' ') {
        if !fresh && line.len() + 1 + word.len() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(TEXT);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(&word.replace('\0', " "));
        fresh = false;
    }
    out.push_str(&line);
    out.push('\n');
}
