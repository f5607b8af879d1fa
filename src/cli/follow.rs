//! The arguments of `openrange follow`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value, ValueExt};

use super::{count, explain, path, seconds, string};
use crate::client::lines::Batching;
use crate::client::requests::Requests;
use crate::client::run::Options;
use crate::client::settings::{From, OnGap, Settings, Until};
use crate::client::url::{Server, Url};
use crate::limits::{TOKEN_FILE_MAX, TOKEN_MAX};

/// The usage text.
pub const USAGE: &str = "\
openrange follow writes a log to stdout: every byte, in order, across rolls,
broken connections and restarts of either side.

Usage: openrange follow [OPTIONS] URL [-- CMD ARG...]

  URL                       http://HOST[:PORT]/PATH, or
                            http+unix://%2Frun%2Fx.sock/PATH
  CMD ARG...                gets complete lines in batches on its stdin, one
                            process for each batch; OPENRANGE_URL, _ETAG,
                            _OFFSET and _END say what they are. If it does not
                            exit with 0, it gets the same bytes again

Options:
  --state FILE              keep the position there and go on with it; without
                            it every start is a new one
  --from WHERE              where to begin without a position: start, end or
                            lines=N (default: start)
  --on-gap WHAT             if a generation is gone before all of it was read:
                            fail, or go on with the oldest or the latest one
                            (default: fail)
  --late SECONDS            how long lines that are appended to a rolled file
                            still count (default: 5)
  --batch BYTES             a batch is complete with so many bytes
                            (default: 65536)
  --linger MILLISECONDS     or so long after its first line (default: 200)
  --until-end               stop when the current generation ends
  --until-caught-up         stop at its current end
  --fail                    exit with 1 if the server refuses, or has no such
                            file; otherwise both are waited for
  --token-file FILE         a file whose first word is the bearer token
  --header FIELD            send this header field too (NAME: VALUE); may be
                            repeated
  --max-rate BYTES          receive no more in a second
  --progress                say on stderr how far it is
  -h, --help                print this

Examples:
  openrange follow http://host:8080/app.log | grep ERROR
  openrange follow --state /var/lib/app.pos http://host:8080/app.log >> copy.log
  openrange follow --state pos http://host:8080/events -- psql -f load.sql

Exit status: 0 success (also after SIGTERM, and when nobody reads stdout any
more), 1 failure, 2 wrong usage, 3 a generation is gone, 4 another follower uses
the state file.
";

/// What was asked for.
pub enum Command {
    /// `--help`
    Help,
    /// Follow.
    Follow(Box<Options>),
}

const BATCH: usize = 65536;
const LINGER: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(5);
/// An hour.
const LINGER_MAX: usize = 3_600_000;
/// 16 MiB: a batch is held in memory.
const BATCH_MAX: usize = 16 * 1024 * 1024;

/// Parses the arguments after `follow`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let end = arguments.iter().position(|argument| argument == "--");
    let command = end.map(|end| arguments.split_off(end).split_off(1));
    if command.as_ref().is_some_and(Vec::is_empty) {
        return Err("a command must follow --".into());
    }
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(explain)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("state") => given.state = Some(path(&mut parser)?),
            Long("from") => given.from = from(&string(&mut parser)?)?,
            Long("on-gap") => given.on_gap = on_gap(&string(&mut parser)?)?,
            Long("late") => given.late = Some(seconds(&mut parser, "--late")?),
            Long("batch") => given.batch = Some(count(&mut parser, "--batch", BATCH_MAX)?),
            Long("linger") => given.linger = Some(linger(&string(&mut parser)?)?),
            Long("until-end") => given.until(Until::End)?,
            Long("until-caught-up") => given.until(Until::CaughtUp)?,
            Long("fail") => given.fail = true,
            Long("token-file") => given.token(&path(&mut parser)?)?,
            Long("header") => given.field(&string(&mut parser)?)?,
            Long("max-rate") => {
                given.max_rate = Some(count(&mut parser, "--max-rate", usize::MAX)? as u64);
            }
            Long("progress") => given.progress = true,
            Value(value) if given.url.is_none() => {
                let text = value.string().map_err(explain)?;
                given.url = Some(url(&text)?);
            }
            Value(value) => {
                return Err(format!(
                    "only one URL can be followed, but there is also {}",
                    value.display()
                ));
            }
            other => return Err(explain(other.unexpected())),
        }
    }
    given
        .finish(command)
        .map(|options| Command::Follow(Box::new(options)))
}

/// Reads a URL that can be connected to.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("{text}: {why}"))?;
    match url.server {
        Server::Tcp { tls: true, .. } => Err(format!(
            "{text}: this openrange is built without https (cargo feature tls)"
        )),
        _ => Ok(url),
    }
}

struct Given {
    url: Option<Url>,
    state: Option<PathBuf>,
    from: From,
    on_gap: OnGap,
    late: Option<Duration>,
    batch: Option<usize>,
    linger: Option<Duration>,
    until: Until,
    fail: bool,
    fields: String,
    max_rate: Option<u64>,
    progress: bool,
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
            until: Until::Stopped,
            fail: false,
            fields: String::new(),
            max_rate: None,
            progress: false,
        }
    }
}

impl Given {
    fn until(&mut self, until: Until) -> Result<(), String> {
        if self.until != Until::Stopped && self.until != until {
            return Err("--until-end and --until-caught-up exclude each other".into());
        }
        self.until = until;
        Ok(())
    }

    fn token(&mut self, path: &Path) -> Result<(), String> {
        let field = token_field(path)?;
        self.fields.push_str(&field);
        Ok(())
    }

    fn field(&mut self, text: &str) -> Result<(), String> {
        self.fields.push_str(&field(text)?);
        Ok(())
    }

    fn finish(self, command: Option<Vec<OsString>>) -> Result<Options, String> {
        let url = self
            .url
            .ok_or("which URL? openrange follow --help tells more")?;
        if url.is_directory() {
            return Err(format!(
                "{url} names a directory; follow one of its files, or use openrange mirror"
            ));
        }
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
                requests: Requests::new(&url.path, &url.host, &self.fields),
                from: self.from,
                on_gap: self.on_gap,
                late: self.late.unwrap_or(LATE),
                fail: self.fail,
                until: self.until,
                batching,
            },
            url,
            state: self.state,
            command,
            max_rate: self.max_rate,
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

fn on_gap(text: &str) -> Result<OnGap, String> {
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

/// The field that shows the token of a file.
pub(super) fn token_field(path: &Path) -> Result<String, String> {
    let named = |why: &str| format!("--token-file {}: {why}", path.display());
    let long = fs::metadata(path).is_ok_and(|file| file.len() > TOKEN_FILE_MAX);
    if long {
        return Err(named("it is far too long"));
    }
    let text = fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
    // What follows a # is a remark, as in the server's own file.
    let line = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let word = line
        .filter(|line| !line.is_empty())
        .find_map(|line| line.split_whitespace().next());
    match word {
        Some(token)
            if token.len() <= TOKEN_MAX && token.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(format!("Authorization: Bearer {token}\r\n"))
        }
        _ => Err(named("there is no token in it")),
    }
}

/// A header field that was given as `NAME: VALUE`.
pub(super) fn field(text: &str) -> Result<String, String> {
    let wrong = || format!("--header {text}: expected NAME: VALUE");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | 0x80..);
    if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(plain) {
        return Err(wrong());
    }
    const OURS: [&str; 8] = [
        "host",
        "range",
        "if-match",
        "te",
        "connection",
        "accept",
        "content-length",
        "transfer-encoding",
    ];
    if OURS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(format!("--header {name}: openrange sets this field itself"));
    }
    Ok(format!("{name}: {}\r\n", value.trim()))
}
