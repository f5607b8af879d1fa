//! What stands in the files of a job: its name, its status, and the lines of `queue` and `done`. Pure.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

use crate::http::json_value::{Value, write_string};

/// Hexadecimal digits in the name that the server gives a job: 128 bits, so that nobody guesses or repeats one.
pub const ID_DIGITS: usize = 32;
/// Longest name of a job: whoever else fills a directory of jobs may use names of their own.
pub const ID_MAX: usize = 64;

/// The name of a job, and of the file with its answer: up to [`ID_MAX`] letters, digits, `-` and `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(ArrayString<ID_MAX>);

impl JobId {
    /// The name with these 128 bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> JobId {
        let mut digits = ArrayString::new();
        for place in (0..ID_DIGITS).rev() {
            let digit = (bits >> (4 * place)) as u32 & 0xf;
            digits.push(char::from_digit(digit, 16).expect("below 16"));
        }
        JobId(digits)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The text is not the name of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAJob;

impl FromStr for JobId {
    type Err = NotAJob;

    fn from_str(text: &str) -> Result<JobId, NotAJob> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let reserved = matches!(text, "queue" | "done");
        if text.is_empty() || reserved || !text.bytes().all(plain) {
            return Err(NotAJob);
        }
        ArrayString::from(text).map(JobId).map_err(|_| NotAJob)
    }
}

/// How a job ended: the content of `ID.status`, and the value of the trailer field `Job-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// The command exited with this code; 0 is success.
    Exit(u8),
    /// A signal killed the command.
    Signal(u8),
    /// Its deadline passed.
    Timeout,
    /// The client cancelled it.
    Cancelled,
    /// A worker took it and died.
    Abandoned,
}

impl fmt::Display for JobStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobStatus::Exit(0) => out.write_str("0"),
            JobStatus::Exit(code) => write!(out, "exit {code}"),
            JobStatus::Signal(number) => write!(out, "signal {number}"),
            JobStatus::Timeout => out.write_str("timeout"),
            JobStatus::Cancelled => out.write_str("cancelled"),
            JobStatus::Abandoned => out.write_str("abandoned"),
        }
    }
}

/// The text is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAStatus;

impl FromStr for JobStatus {
    type Err = NotAStatus;

    /// White space around the text does not matter: a worker in a shell ends it with a line end.
    fn from_str(text: &str) -> Result<JobStatus, NotAStatus> {
        let number = |text: &str| text.parse().map_err(|_| NotAStatus);
        match text.trim_ascii() {
            "0" => Ok(JobStatus::Exit(0)),
            "timeout" => Ok(JobStatus::Timeout),
            "cancelled" => Ok(JobStatus::Cancelled),
            "abandoned" => Ok(JobStatus::Abandoned),
            text => match text.split_once(' ') {
                Some(("exit", code)) => number(code).map(JobStatus::Exit),
                Some(("signal", signal)) => number(signal).map(JobStatus::Signal),
                _ => Err(NotAStatus),
            },
        }
    }
}

/// What the server knows of a job when it accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its name.
    pub id: JobId,
    /// When it ends with [`JobStatus::Timeout`], in seconds since 1970.
    pub deadline: u64,
    /// `Content-Type` of the request, empty if it had none.
    pub content_type: String,
    /// Bytes of the request.
    pub length: u64,
    /// The `url` of `Prefer: callback`.
    pub callback: Option<String>,
}

impl JobRecord {
    /// The line of `queue`, with its line end. The callback stays out of it: it concerns `hooks` only.
    #[must_use]
    pub fn queue_line(&self) -> String {
        format!("{{{}}}\n", self.members())
    }

    /// The content of `.ID.job`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = format!("{{{}", self.members());
        if let Some(url) = &self.callback {
            text.push_str(",\"callback\":");
            write_string(&mut text, url);
        }
        text.push_str("}\n");
        text
    }

    fn members(&self) -> String {
        let mut text = format!(
            "\"id\":\"{}\",\"deadline\":{},\"content_type\":",
            self.id, self.deadline
        );
        write_string(&mut text, &self.content_type);
        text.push_str(&format!(",\"length\":{}", self.length));
        text
    }

    /// Reads a line of `queue` or the content of `.ID.job`. Only the `id` must be there; members that it does not know do
    /// not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<JobRecord> {
        let members = Value::parse(text.as_bytes())?;
        let string = |name: &str| Some(members.get(name)?.as_str()?.to_owned());
        let number = |name: &str| members.get(name)?.as_u64();
        Some(JobRecord {
            id: string("id")?.parse().ok()?,
            deadline: number("deadline").unwrap_or(u64::MAX),
            content_type: string("content_type").unwrap_or_default(),
            length: number("length").unwrap_or(0),
            callback: string("callback"),
        })
    }
}

/// The line of `done`, with its line end. `time`: seconds since 1970.
#[must_use]
pub fn done_line(id: JobId, status: JobStatus, time: u64) -> String {
    format!("{{\"id\":\"{id}\",\"status\":\"{status}\",\"time\":{time}}}\n")
}

/// The job and the status in a line of `done`.
#[must_use]
pub fn parse_done(line: &str) -> Option<(JobId, JobStatus)> {
    let members = Value::parse(line.as_bytes())?;
    let string = |name: &str| members.get(name)?.as_str();
    Some((string("id")?.parse().ok()?, string("status")?.parse().ok()?))
}
