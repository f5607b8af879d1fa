//! The response to a request that makes a job: its answer as it is written, or where that will be.

use super::builder::{ResponseBuilder, text};
use super::fields::{CHUNKED, LIVE, NOT_STORED};
use super::file::validators;
use super::message::{Body, Response};
use crate::http::head::{Head, Status};
use crate::http::target::Path;
use crate::intent::Answer;
use crate::job::answered_at;
use crate::resource::FileInfo;

impl ResponseBuilder<'_> {
    /// The answer until it is sealed. A client that prefers not to wait for that gets 202, when its patience is over.
    pub(super) fn answer(&self, answer: &Answer, info: &FileInfo) -> Response {
        if answer.respond_async && !info.sealed {
            return self.accepted(answer);
        }
        let chunked = !self.asked.request.http10;
        let keep_alive = self.keep_alive && chunked;
        let builder = ResponseBuilder {
            keep_alive,
            ..*self
        };
        let head = builder
            .head(Status::Ok)
            .lines(LIVE)
            .field("Content-Location", format_args!("{}", answer.path))
            .field("Content-Type", info.media);
        let head = validators(head, info, self.terms.now.date);
        let head = if chunked { head.lines(CHUNKED) } else { head };
        let trailers = self.asked.request.trailers && chunked;
        Response {
            status: Status::Ok,
            head: self.announce(head, trailers, &answer.path).finish(b""),
            body: Body::Tail {
                at: 0,
                size: info.size,
                chunked,
                trailers,
            },
            keep_alive,
        }
    }

    fn accepted(&self, answer: &Answer) -> Response {
        let head = self
            .head(Status::Accepted)
            .lines(NOT_STORED)
            .lines("Preference-Applied: respond-async\r\n")
            .field("Location", format_args!("{}", answer.path));
        let head = text(head, "accepted: its answer is at the Location", false);
        Response::new(Status::Accepted, head, self.keep_alive)
    }

    /// Names the fields of the trailer of a tail of this path, if the client wants them.
    pub(super) fn announce(&self, head: Head, trailers: bool, path: &Path) -> Head {
        let job = self
            .terms
            .jobs
            .is_some_and(|jobs| answered_at(jobs, path).is_some());
        match (trailers, job) {
            (false, _) => head,
            (true, false) => head.lines("Trailer: Tail-End\r\n"),
            (true, true) => head.lines("Trailer: Tail-End, Job-Status\r\n"),
        }
    }
}
