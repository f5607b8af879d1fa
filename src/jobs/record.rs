//! What stands in the files of a job: its name, its status, and the lines of `queue` and `done`. Pure.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

/// Hexadecimal digits in the name of a job: 128 bits, so that nobody guesses or repeats one.
pub const ID_DIGITS: usize = 32;

/// The name of a job, and of the file with its answer: [`ID_DIGITS`] lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(ArrayString<ID_DIGITS>);

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
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != ID_DIGITS || !text.bytes().all(digit) {
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
            push_string(&mut text, url);
        }
        text.push_str("}\n");
        text
    }

    fn members(&self) -> String {
        let mut text = format!(
            "\"id\":\"{}\",\"deadline\":{},\"content_type\":",
            self.id, self.deadline
        );
        push_string(&mut text, &self.content_type);
        text.push_str(&format!(",\"length\":{}", self.length));
        text
    }

    /// Reads a line of `queue` or the content of `.ID.job`. Members that it does not know do not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<JobRecord> {
        let members = parse_object(text.trim_ascii())?;
        let find = |name: &str| members.iter().find(|(key, _)| key == name);
        let string = |name: &str| match find(name)? {
            (_, Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let number = |name: &str| match find(name)? {
            (_, Value::Number(number)) => Some(*number),
            _ => None,
        };
        Some(JobRecord {
            id: string("id")?.parse().ok()?,
            deadline: number("deadline")?,
            content_type: string("content_type")?,
            length: number("length")?,
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
    let members = parse_object(line.trim_ascii())?;
    let string = |name: &str| {
        members.iter().find_map(|(key, value)| match value {
            Value::String(text) if key == name => Some(text.as_str()),
            _ => None,
        })
    };
    Some((string("id")?.parse().ok()?, string("status")?.parse().ok()?))
}

/// A value in a flat JSON object, as far as these files need them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    String(String),
    Number(u64),
}

/// Appends a JSON string (RFC 8259 section 7).
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for char in value.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            char if char < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => text.push(char),
        }
    }
    text.push('"');
}

/// Reads an object whose values are strings and unsigned numbers: the only form that these files have.
fn parse_object(text: &str) -> Option<Vec<(String, Value)>> {
    let mut rest = text.strip_prefix('{')?.trim_ascii_start();
    let mut members = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix('}') {
            return end.is_empty().then_some(members);
        }
        let (name, after) = parse_string(rest)?;
        let after = after
            .trim_ascii_start()
            .strip_prefix(':')?
            .trim_ascii_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(_) => parse_string(after).map(|(text, after)| (Value::String(text), after))?,
            None => parse_number(after)?,
        };
        members.push((name, value));
        let after = after.trim_ascii_start();
        rest = match after.strip_prefix(',') {
            Some(more) => {
                let more = more.trim_ascii_start();
                more.strip_prefix('"')?;
                more
            }
            None => after,
        };
    }
}

fn parse_number(text: &str) -> Option<(Value, &str)> {
    let end = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    Some((Value::Number(text[..end].parse().ok()?), &text[end..]))
}

/// Reads a string; gives what follows it.
fn parse_string(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.char_indices();
    let mut value = String::new();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'b' => value.push('\u{8}'),
                'f' => value.push('\u{c}'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, char)| char).collect();
                    let number = u32::from_str_radix(&digits, 16).ok()?;
                    value.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                escaped @ ('"' | '\\' | '/') => value.push(escaped),
                _ => return None,
            },
            char if char < ' ' => return None,
            char => value.push(char),
        }
    }
    None
}
