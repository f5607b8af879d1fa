//! The arguments of `openrange follow`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::command::Command;
use super::connection::{self, Connection, HasConnection, url};
use super::table::{Parsed, Row, Table};
use crate::client::lines::Batching;
use crate::client::requests::Requests;
use crate::client::run::Options;
use crate::client::settings::{From, OnGap, Settings, Until};
use crate::client::url::Url;

const BATCH: usize = 65536;
const LINGER: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(5);
/// An hour.
const LINGER_MAX: usize = 3_600_000;
/// 16 MiB: a batch is held in memory.
const BATCH_MAX: usize = 16 * 1024 * 1024;

/// `openrange follow [OPTIONS] URL [-- CMD ARG...]`
pub(super) const TABLE: Table<Given> = Table {
    command: "follow",
    about: "\
openrange follow writes a log to stdout: every byte, in order, across rolls,
broken connections and restarts of either side.
",
    usage: "[OPTIONS] URL [-- CMD ARG...]",
    operands: &[
        (
            "URL",
            "http://HOST[:PORT]/PATH, or http+unix://%2Frun%2Fx.sock/PATH; also https://, if openrange was built with the \
             cargo feature tls",
        ),
        (
            "CMD ARG...",
            "gets complete lines in batches on its stdin, one process per batch; OPENRANGE_URL, _ETAG, _OFFSET and \
             _END say which bytes a batch has. If it does not exit with 0, it gets the same bytes again",
        ),
    ],
    operand,
    options: &[OPTIONS, &connection::options(), MORE],
    notes: "\
Examples:
  openrange follow http://host:8080/app.log | grep ERROR
  openrange follow --state /var/lib/app.pos http://host:8080/app.log >> copy.log
  openrange follow --state pos http://host:8080/events -- psql -f load.sql

Exit status: 0 success (also after SIGTERM, and when nobody reads stdout any
more), 1 failure, 2 usage error, 3 a generation is gone, 4 another follower uses
the state file.
",
};

const OPTIONS: &[Row<Given>] = &[
    Row::value(
        "state",
        "FILE",
        "keep the position in this file, and resume from it; without it, follow remembers nothing",
        |given, value| {
            given.state = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "from",
        "WHERE",
        "where to begin without a position: start, end or lines=N (default: start)",
        |given, value| {
            given.from = from(&value.string()?)?;
            Ok(())
        },
    ),
    Row::value(
        "on-gap",
        "WHAT",
        "what to do if a generation is gone before all of it was read: fail, or continue with the oldest or the latest \
         one (default: fail)",
        |given, value| {
            given.on_gap = on_gap(&value.string()?)?;
            Ok(())
        },
    ),
    Row::value(
        "late",
        "SECONDS",
        "how long to keep reading what a writer still appends to a rolled file (default: 5)",
        |given, value| {
            given.late = Some(value.seconds()?);
            Ok(())
        },
    ),
    Row::value(
        "batch",
        "BYTES",
        "how many bytes complete a batch (default: 65536)",
        |given, value| {
            given.batch = Some(value.number(1, BATCH_MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "linger",
        "MILLISECONDS",
        "how long to wait for a batch to fill, counted from its first line (default: 200)",
        |given, value| {
            given.linger = Some(linger(&value.string()?)?);
            Ok(())
        },
    ),
    Row::flag(
        "until-end",
        "stop once the current file is rolled, sealed or removed, and all of it has been read",
        |given| given.until.push(Until::End),
    ),
    Row::flag(
        "until-caught-up",
        "stop once everything written so far has been read",
        |given| given.until.push(Until::CaughtUp),
    ),
    Row::flag(
        "fail",
        "exit with 1 if the server refuses, or has no such file; without this option follow tries again",
        |given| given.fail = true,
    ),
];

const MORE: &[Row<Given>] = &[
    Row::flag("progress", "report progress on stderr", |given| {
        given.progress = true
    }),
    Row::HELP,
];

fn operand(given: &mut Given, value: OsString) -> Result<(), String> {
    if given.url.is_some() {
        let value = value.display();
        return Err(format!(
            "only one URL can be followed, but there is also {value}; a command follows --"
        ));
    }
    let text = value
        .to_str()
        .ok_or_else(|| format!("{}: a URL is ASCII", value.display()))?;
    given.url = Some(url(text)?);
    Ok(())
}

/// Parses the arguments after `follow`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub(super) fn parse(mut arguments: Vec<OsString>) -> Result<Command, String> {
    let end = arguments.iter().position(|argument| argument == "--");
    let command = end.map(|end| arguments.split_off(end).split_off(1));
    if command.as_ref().is_some_and(Vec::is_empty) {
        return Err("a command must follow --".into());
    }
    match TABLE.parse(arguments, Given::default())? {
        Parsed::Help | Parsed::Version => Ok(Command::Print(TABLE.help(&[]))),
        Parsed::Run(given) => Ok(Command::Follow(Box::new(given.finish(command)?))),
    }
}

/// What was said so far.
pub(super) struct Given {
    url: Option<Url>,
    state: Option<PathBuf>,
    from: From,
    on_gap: OnGap,
    late: Option<Duration>,
    batch: Option<usize>,
    linger: Option<Duration>,
    until: Vec<Until>,
    fail: bool,
    connection: Connection,
    progress: bool,
}

impl HasConnection for Given {
    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Default for Given {
    fn default() -> Given {
        Given {
            url: None,
            state: None,
            from: From::Start,
            on_gap: OnGap::Fail,
            late: None,
            batch: None,
            linger: None,
            until: Vec::new(),
            fail: false,
            connection: Connection::default(),
            progress: false,
        }
    }
}

impl Given {
    fn finish(self, command: Option<Vec<OsString>>) -> Result<Options, String> {
        let url = self
            .url
            .ok_or("URL is missing; openrange follow --help tells more")?;
        if url.is_directory() {
            return Err(format!(
                "{url} names a directory; follow one of its files, or use openrange mirror"
            ));
        }
        let until = match *self.until.as_slice() {
            [] => Until::Stopped,
            [first, ref others @ ..] if others.iter().all(|other| *other == first) => first,
            _ => return Err("--until-end and --until-caught-up exclude each other".into()),
        };
        let command = command.unwrap_or_default();
        if command.is_empty() && (self.batch.is_some() || self.linger.is_some()) {
            return Err("--batch and --linger are for a command (-- CMD)".into());
        }
        let batching = (!command.is_empty()).then(|| Batching {
            bytes: self.batch.unwrap_or(BATCH),
            linger: self.linger.unwrap_or(LINGER),
        });
        Ok(Options {
            settings: Settings {
                requests: Requests::new(&url.path, &url.host, &self.connection.fields),
                from: self.from,
                on_gap: self.on_gap,
                late: self.late.unwrap_or(LATE),
                fail: self.fail,
                until,
                batching,
            },
            trust: self.connection.certificates.trust(url.is_tls())?,
            url,
            state: self.state,
            command,
            max_rate: self.connection.max_rate,
            progress: self.progress,
        })
    }
}

fn from(text: &str) -> Result<From, String> {
    let wrong = || format!("--from {text}: expected start, end or lines=N");
    match text {
        "start" => Ok(From::Start),
        "end" => Ok(From::End),
        _ => {
            let count = text
                .strip_prefix("lines=")
                .and_then(|count| count.parse().ok());
            count.map(From::Lines).ok_or_else(wrong)
        }
    }
}

pub(super) fn on_gap(text: &str) -> Result<OnGap, String> {
    match text {
        "fail" => Ok(OnGap::Fail),
        "oldest" => Ok(OnGap::Oldest),
        "latest" => Ok(OnGap::Latest),
        _ => Err(format!("--on-gap {text}: expected fail, oldest or latest")),
    }
}

fn linger(text: &str) -> Result<Duration, String> {
    match text.parse::<usize>() {
        Ok(number) if number <= LINGER_MAX => Ok(Duration::from_millis(number as u64)),
        _ => Err(format!(
            "--linger {text}: expected a number of milliseconds from 0 to {LINGER_MAX}"
        )),
    }
}
