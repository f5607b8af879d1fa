//! What stands in the files of a job: its name, its status, and the lines of `queue` and `done`. Pure.

use std::time::Duration;

use crate::http::json_value::{Value, write_string};
use crate::job::{JobId, JobStatus};
use crate::limits::JOB_TEXT_PATIENCE;

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

/// What a file `ID.status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// How the job ended.
    Ended(JobStatus),
    /// Nothing that is understood, but that may follow: who created it writes the text in the next instant.
    Unfinished,
    /// Nothing that is understood, and nothing follows: the disk of who created it was full, or it is no status at all.
    Damaged,
}

impl Recorded {
    /// `age`: the time since the text was written, or since the file was created; clocks that were set do not matter.
    #[must_use]
    pub fn judge(text: &[u8], age: Duration) -> Recorded {
        let status = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match status {
            Some(status) => Recorded::Ended(status),
            None if age < JOB_TEXT_PATIENCE => Recorded::Unfinished,
            None => Recorded::Damaged,
        }
    }
}

/// How a job ends whose status is damaged. `in_done`: the status that `done` has for it, which counts if there is one;
/// `wanted`: the status that whoever found the damage would give it.
#[must_use]
pub fn repaired(in_done: Option<JobStatus>, wanted: JobStatus) -> JobStatus {
    in_done.unwrap_or(wanted)
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
