//! The name of a job, and how it ended.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

use crate::http::prefix::Prefix;
use crate::http::target::Path;

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

/// The job whose answer has this path, if it is below the path of the jobs.
#[must_use]
pub fn answered_at(jobs: &Prefix, path: &Path) -> Option<JobId> {
    let name = jobs.below(path).filter(|_| !path.slash)?;
    std::str::from_utf8(name).ok()?.parse().ok()
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

/// The state of a job, as a listing of answers shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// No worker has taken it yet.
    Waiting,
    /// A worker has taken it, or has begun its answer.
    Running,
    /// It has ended in this way.
    Ended(JobStatus),
}

impl JobState {
    /// The state in a sentence for people: "the job ...".
    #[must_use]
    pub fn for_people(self) -> String {
        match self {
            JobState::Waiting => "waits for a worker".into(),
            JobState::Running => "runs".into(),
            JobState::Ended(JobStatus::Exit(0)) => "succeeded".into(),
            JobState::Ended(JobStatus::Timeout) => "timed out".into(),
            JobState::Ended(JobStatus::Cancelled) => "was cancelled".into(),
            JobState::Ended(JobStatus::Abandoned) => "was abandoned".into(),
            JobState::Ended(status) => format!("failed: {status}"),
        }
    }
}

impl fmt::Display for JobState {
    /// As programs read it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobState::Waiting => out.write_str("waiting"),
            JobState::Running => out.write_str("running"),
            JobState::Ended(status) => status.fmt(out),
        }
    }
}

/// The name of the file with the request of a job.
#[must_use]
pub fn request_name(id: JobId) -> String {
    format!("{id}.request")
}

/// The name of the file that says how a job ended.
#[must_use]
pub fn status_name(id: JobId) -> String {
    format!("{id}.status")
}

/// The name of the file that counts how often a worker has taken a job.
#[must_use]
pub fn taken_name(id: JobId) -> String {
    format!(".{id}.taken")
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
