//! Requests that are answered with an event stream: how its head looks, and what the stream follows from where.

use super::{Body, CHUNKED, NOT_STORED, Response, ResponseBuilder};
use crate::http::chunked;
use crate::http::conditional::Verdict;
use crate::http::head::Status;
use crate::http::sse::{self, Positions};
use crate::http::target::Path;
use crate::resource::FileInfo;
use crate::subscription::event_stream::{Beginning, Subject};

const EVENTS: &str =
    "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n";

impl ResponseBuilder<'_> {
    /// Whether it had events of this name before. Then it waits for the name to come back: 404 would keep a browser from
    /// ever coming again.
    pub(crate) fn comes_again(&self, path: &Path) -> bool {
        let positions = self
            .request
            .positions
            .as_ref()
            .filter(|_| self.request.events);
        positions.is_some_and(|positions| {
            !path.slash || self.request.files.is_some() || positions.only().is_none()
        })
    }

    /// Of a stream of events only that conditions fail which ask for another file: it is never stale, and has no ranges.
    pub(crate) fn events(&self, path: &Path, info: Option<&FileInfo>) -> Response {
        if info.is_some_and(|info| self.judge(info) == Verdict::Failed) {
            return self.failed();
        }
        let position = self.request.positions.as_ref().and_then(Positions::only);
        let Some(beginning) = Beginning::new(position, info) else {
            return self.plain(Status::NotFound, NOT_STORED, "no such file");
        };
        self.stream(path, Subject::File(beginning.position), beginning.events)
    }

    /// What is in a directory, or several of its files.
    pub(crate) fn events_of_directory(&self, path: &Path) -> Response {
        let subject = match &self.request.files {
            Some(patterns) => Subject::Files {
                patterns: patterns.clone(),
                start: self.request.start,
                positions: self.request.positions.clone(),
            },
            None => Subject::Entries,
        };
        let mut beginning = Vec::new();
        sse::write_beginning(&mut beginning, None);
        self.stream(path, subject, beginning)
    }

    fn stream(&self, path: &Path, subject: Subject, beginning: Vec<u8>) -> Response {
        let chunked = !self.request.http10;
        let keep_alive = self.keep_alive && chunked;
        let builder = ResponseBuilder {
            keep_alive,
            ..*self
        };
        let head = builder.head(Status::Ok).lines(EVENTS);
        let head = head.field("Content-Type", sse::MEDIA);
        let head = if chunked { head.lines(CHUNKED) } else { head };
        if self.head_only() {
            return Response::new(Status::Ok, head.finish(b""), keep_alive);
        }
        let begun = u32::try_from(beginning.len()).expect("a few lines");
        let first = if chunked {
            chunked::enclose(&beginning)
        } else {
            beginning
        };
        Response {
            status: Status::Ok,
            head: head.finish(&first),
            body: Body::Events {
                path: path.clone(),
                subject,
                chunked,
                begun,
            },
            keep_alive,
        }
    }
}
