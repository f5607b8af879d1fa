//! The response to a writing request.

use super::builder::{ResponseBuilder, text};
use super::fields::{NOT_STORED, complete};
use super::message::Response;
use super::other::MISSING_TOKEN;
use super::terms::Terms;
use crate::http::conditional::ETag;
use crate::http::head::{Head, Status};
use crate::http::write::{Change, WriteHead};
use crate::intent::ParsedRequest;
use crate::receipt::{Receipt, WriteFailure};

/// The response to a request that was carried out, or could not be. `keep_alive`: the connection stays, unless it holds one
/// of the descriptors that have run out.
#[must_use]
pub fn respond<'a>(
    asked: &ParsedRequest,
    write: &WriteHead,
    outcome: &Result<Receipt, WriteFailure>,
    keep_alive: bool,
    terms: impl Into<Terms<'a>>,
) -> Response {
    let builder = ResponseBuilder {
        asked,
        keep_alive: keep_alive && *outcome != Err(WriteFailure::Exhausted),
        negotiated: false,
        generation: None,
        terms: terms.into(),
    };
    match outcome {
        Ok(receipt) => builder.receipt(write, receipt),
        Err(failure) => builder.write_failure(*failure),
    }
}

/// Field lines of a 201 that carries nothing else, and of a 204, which carries nothing at all.
fn no_content(created: bool) -> &'static str {
    match created {
        true => "Content-Length: 0\r\n",
        false => "",
    }
}

impl ResponseBuilder<'_> {
    fn receipt(&self, write: &WriteHead, receipt: &Receipt) -> Response {
        let status = match receipt.created {
            true => Status::Created,
            false => Status::NoContent,
        };
        let head = self
            .head(status)
            .field("ETag", receipt.etag)
            .field("Upload-Offset", receipt.size)
            .lines(complete(receipt.sealed))
            .lines(no_content(receipt.created));
        let location = match &write.change {
            Ok(Change::Move { destination, .. }) => Some(destination),
            _ => write.path(),
        };
        let head = match location {
            Some(path) if receipt.created => head.field("Location", format_args!("{path}")),
            _ => head,
        };
        let head = match write.preferences.fsync {
            true => head.lines("Preference-Applied: fsync\r\n"),
            false => head,
        };
        Response::new(status, head.finish(b""), self.keep_alive)
    }

    fn write_failure(&self, failure: WriteFailure) -> Response {
        let (status, line) = match failure {
            WriteFailure::Unauthorized(challenge) => return self.unauthorized(challenge),
            WriteFailure::Fault(fault) => {
                return self.refusal(fault.status, fault.line, |head| head.lines(fault.fields));
            }
            WriteFailure::Conflict { size, etag } => {
                return self.refusal(Status::Conflict, "the file has another length", |head| {
                    length(head, Some(size), etag)
                });
            }
            WriteFailure::TooLarge { size }
            | WriteFailure::Full { size, .. }
            | WriteFailure::Failed { size, .. } => {
                let (status, line) = explain(failure);
                return self.refusal(status, line, |head| length(head, size, None));
            }
            WriteFailure::Locked
            | WriteFailure::Changing
            | WriteFailure::Exhausted
            | WriteFailure::Overloaded
            | WriteFailure::TooManyJobs
            | WriteFailure::Replaced
            | WriteFailure::Ending => {
                let (status, line) = explain(failure);
                return self.refusal(status, line, |head| head.lines(retry_after(failure)));
            }
            _ => explain(failure),
        };
        self.refusal(status, line, |head| head)
    }

    fn refusal(&self, status: Status, line: &str, fields: impl FnOnce(Head) -> Head) -> Response {
        let head = fields(self.head(status).lines(NOT_STORED));
        Response::new(status, text(head, line, false), self.keep_alive)
    }
}

fn length(head: Head, size: Option<u64>, etag: Option<ETag>) -> Head {
    let head = match size {
        Some(size) => head.field("Upload-Offset", size),
        None => head,
    };
    match etag {
        Some(etag) => head.field("ETag", etag),
        None => head,
    }
}

/// The status and one line for the client.
#[must_use]
pub fn explain(failure: WriteFailure) -> (Status, &'static str) {
    match failure {
        WriteFailure::Fault(fault) => (fault.status, fault.line),
        WriteFailure::Unauthorized(_) => (Status::Unauthorized, MISSING_TOKEN),
        WriteFailure::ForeignPage => (
            Status::Forbidden,
            "pages of this origin may not write: see --host and --cors",
        ),
        WriteFailure::NotWritable => (Status::Forbidden, "this name is not below a --write path"),
        WriteFailure::OnlyJobs => (
            Status::Forbidden,
            "this server only accepts jobs: POST to the --jobs path itself; files are written below --write paths",
        ),
        WriteFailure::Directory => (
            Status::Forbidden,
            "a directory cannot be written here: add the name of a file below it",
        ),
        WriteFailure::Empty => (Status::BadRequest, "there is nothing to append"),
        WriteFailure::TooLong => (
            Status::ContentTooLarge,
            "the body is longer than one append may be: see --append-max",
        ),
        WriteFailure::Malformed(line) => (Status::BadRequest, line),
        WriteFailure::WrongDigest => (
            Status::BadRequest,
            "the body is not what Content-Digest says",
        ),
        WriteFailure::TooSlow => (Status::RequestTimeout, "the body did not arrive in time"),
        WriteFailure::Overloaded
        | WriteFailure::TooManyJobs
        | WriteFailure::Ending
        | WriteFailure::Replaced
        | WriteFailure::Exhausted
        | WriteFailure::Changing
        | WriteFailure::Locked => (Status::ServiceUnavailable, why_later(failure)),
        WriteFailure::Missing => (Status::NotFound, "no such file"),
        WriteFailure::NoDirectory => (Status::NotFound, "no such directory"),
        WriteFailure::NoDestination => (Status::Conflict, "the Destination has no directory"),
        WriteFailure::Forbidden | WriteFailure::Denied(_) => {
            (Status::Forbidden, "this name cannot be written here")
        }
        WriteFailure::SameFile => (Status::Forbidden, "the Destination is the same file"),
        WriteFailure::Sealed => (Status::Forbidden, "the file is sealed"),
        WriteFailure::ReadOnly => (Status::Forbidden, "the file system is read-only"),
        WriteFailure::OtherFileSystem => (
            Status::Forbidden,
            "the Destination is on another file system",
        ),
        WriteFailure::Conflict { .. } => (Status::Conflict, "the file has another length"),
        WriteFailure::Unmatched => (
            Status::PreconditionFailed,
            "the conditions of the request do not hold",
        ),
        WriteFailure::TooLarge { .. } => (
            Status::ContentTooLarge,
            "the file would be larger than the file system or a limit permits",
        ),
        WriteFailure::Full { .. } => (Status::InsufficientStorage, "no space left"),
        WriteFailure::OtherBody => (
            Status::UnprocessableContent,
            "this Idempotency-Key came with another body before",
        ),
        WriteFailure::Failed { .. } => (
            Status::InternalServerError,
            "the file system failed, see the server's log",
        ),
    }
}

/// Until a server is restarted by hand, each new try costs both sides more than it brings.
fn retry_after(failure: WriteFailure) -> &'static str {
    match failure {
        WriteFailure::Replaced => "Retry-After: 30\r\n",
        _ => "Retry-After: 1\r\n",
    }
}

/// Why it may be that the same request is carried out later.
fn why_later(failure: WriteFailure) -> &'static str {
    match failure {
        WriteFailure::Overloaded => "too many bodies are being received, try again later",
        WriteFailure::TooManyJobs => "too many jobs are open (--jobs-max), try again later",
        WriteFailure::Ending => "the server is shutting down, try again later",
        WriteFailure::Replaced => {
            "the directory was replaced and the server must be restarted to write there: try again later"
        }
        WriteFailure::Exhausted => "too many open files, try again later",
        WriteFailure::Changing => "the name leads to other files all the time, try again later",
        _ => "the file is locked by another program, try again later",
    }
}
