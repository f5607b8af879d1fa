//! The command line: which command is asked for, and its options.
//!
//! A new option is a row in the table of its command (and a field in what the table sets). A new command is a file with a
//! [`Table`] beside `serve`, a variant of [`Command`] and a row in `COMMANDS`. The usage text follows from
//! the table; tests hold the man page and the completions against [`pages`].

mod certificates;
mod command;
mod connection;
mod follow;
mod hooks;
mod instead;
mod mirror;
mod nearest;
mod serve;
pub mod table;
pub mod value;
mod work;

use std::ffi::{OsStr, OsString};

pub use command::Command;
use nearest::nearest;
use table::{Described, Parsed, Table};

/// A command beside the server: `openrange NAME ...`.
struct Subcommand {
    name: &'static str,
    parse: fn(Vec<OsString>) -> Result<Command, String>,
    page: fn() -> Page,
}

const COMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "follow",
        parse: follow::parse,
        page: || page(&follow::TABLE),
    },
    Subcommand {
        name: "work",
        parse: work::parse,
        page: || page(&work::TABLE),
    },
    Subcommand {
        name: "hooks",
        parse: hooks::parse,
        page: || page(&hooks::TABLE),
    },
    Subcommand {
        name: "mirror",
        parse: mirror::parse,
        page: || page(&mirror::TABLE),
    },
];

/// What is documented of a command: a test compares the man page and the completions of shells with it.
pub struct Page {
    /// Its name; empty: the server.
    pub command: &'static str,
    /// `openrange NAME [OPTIONS] ...`
    pub usage: String,
    /// Its options.
    pub options: Vec<Described>,
}

/// The server's page, then those of the commands. Only that test reads them.
#[must_use]
pub fn pages() -> Vec<Page> {
    let commands = COMMANDS.iter().map(|command| (command.page)());
    [page(&serve::TABLE)].into_iter().chain(commands).collect()
}

fn page<T>(table: &Table<T>) -> Page {
    Page {
        command: table.command,
        usage: table.usage_line(),
        options: table.describe().collect(),
    }
}

/// The usage text of the server.
#[must_use]
pub fn usage() -> String {
    let commands = COMMANDS.iter().map(|command| (command.page)().usage);
    serve::TABLE.help(&commands.collect::<Vec<_>>())
}

/// Parses the arguments after the program's name. The first one may be the name of a command; a directory with such a name
/// is served as `./NAME`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = arguments.first();
    let command = COMMANDS
        .iter()
        .find(|command| first.is_some_and(|first| first == command.name));
    if let Some(command) = command {
        arguments.remove(0);
        return (command.parse)(arguments);
    }
    let meant = arguments.first().and_then(|first| likely_meant(first));
    serve(arguments).map_err(|why| match meant {
        Some(meant) => format!("{why}; did you mean openrange {meant}?"),
        None => why,
    })
}

fn serve(arguments: Vec<OsString>) -> Result<Command, String> {
    Ok(
        match serve::TABLE.parse(arguments, serve::Serve::default())? {
            Parsed::Help => Command::Print(usage()),
            Parsed::Version => Command::Print(version()),
            Parsed::Run(serve) => {
                let mut options = serve.finish()?;
                options.likely_meant = likely_meant(options.root.as_os_str());
                Command::Serve(Box::new(options))
            }
        },
    )
}

/// What follows `openrange` in what somebody probably means who names this as ROOT.
fn likely_meant(root: &OsStr) -> Option<&'static str> {
    match root.to_str()? {
        "help" => Some("--help"),
        "serve" => Some("DIR"),
        url if url.starts_with("http://") || url.starts_with("https://") => Some("follow URL"),
        name => nearest(name, &mut COMMANDS.iter().map(|command| command.name)),
    }
}

fn version() -> String {
    concat!("openrange ", env!("CARGO_PKG_VERSION"), "\n").to_owned()
}
