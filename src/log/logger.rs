//! What is logged: the levels of `RUST_LOG` and `--log-level`, the format of `--log-format`.

use std::env;
use std::io::Write;
use std::panic;

use log::LevelFilter;

use super::line::Format;
use super::stderr::{self, Log};

/// Every target of this crate begins with this.
const CRATE: &str = env!("CARGO_CRATE_NAME");

/// Starts to log what `level` permits or, without one, what `RUST_LOG` permits.
pub fn start(level: Option<LevelFilter>, format: Format) {
    stderr::set_format(format);
    let mut builder = env_logger::Builder::new();
    let variable = env::var_os("RUST_LOG").unwrap_or_default();
    let filter = match level {
        Some(level) => Filter::of(level),
        None => Filter::parse(&variable.to_string_lossy()),
    };
    for (target, level) in &filter.levels {
        builder.filter(target.as_deref(), *level);
    }
    builder
        .format(move |out, record| {
            let line = format.line(record.level().as_str(), record.args(), record.key_values());
            out.write_all(line.as_bytes())
        })
        .target(env_logger::Target::Pipe(Box::new(Log)))
        .init();
    // By the same way: nor must a panic wait for somebody who reads.
    let panicked = |why: &panic::PanicHookInfo<'_>| why.to_string().replace('\n', " ");
    panic::set_hook(Box::new(move |why| stderr::say(&panicked(why))));
    for part in filter.not_understood {
        stderr::say(&format!(
            "RUST_LOG: {part:?} is ignored; a level is off, error, warn, info, debug or trace"
        ));
    }
}

/// Which levels are logged.
#[derive(Debug, PartialEq, Eq)]
pub struct Filter {
    /// For everything, or for a module and those in it.
    pub levels: Vec<(Option<String>, LevelFilter)>,
    /// Parts of the variable that say nothing.
    pub not_understood: Vec<String>,
}

impl Filter {
    /// The same level for everything.
    #[must_use]
    pub fn of(level: LevelFilter) -> Filter {
        Filter {
            levels: vec![(None, level)],
            not_understood: Vec::new(),
        }
    }

    /// Reads `LEVEL` and `MODULE=LEVEL`, separated by commas. A part that nobody can understand leaves the level at `info`, and so does
    /// a variable that is meant for other programs: a server must not be silent because of a typing error.
    #[must_use]
    pub fn parse(text: &str) -> Filter {
        let mut filter = Filter {
            levels: Vec::new(),
            not_understood: Vec::new(),
        };
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (target, word) = match part.split_once('=') {
                Some((target, word)) => (Some(target.trim()), word.trim()),
                None => (None, part),
            };
            match (level(word), target) {
                (Some(level), target) => {
                    filter.levels.push((target.map(str::to_owned), level));
                }
                (None, None) if is_ours(word) => {
                    filter.levels.push((Some(word.into()), LevelFilter::Trace));
                }
                (None, _) => filter.not_understood.push(part.into()),
            }
        }
        let says =
            |(target, _): &(Option<String>, LevelFilter)| target.as_deref().is_none_or(is_ours);
        if !filter.levels.iter().any(says) {
            filter.levels.push((None, LevelFilter::Info));
        }
        filter
    }
}

/// Reads a level, by its name or by the one that other programs have for it.
#[must_use]
pub fn level(word: &str) -> Option<LevelFilter> {
    match word.to_ascii_lowercase().as_str() {
        "warning" => Some(LevelFilter::Warn),
        word => word.parse().ok(),
    }
}

fn is_ours(target: &str) -> bool {
    target.split("::").next() == Some(CRATE)
}
