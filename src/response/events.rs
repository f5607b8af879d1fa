//! Requests that are answered with an event stream: how its head looks, and what the stream follows from where.

use super::builder::ResponseBuilder;
use super::fields::CHUNKED;
use super::message::{Body, Response};
use crate::http::chunked;
use crate::http::conditional::Verdict;
use crate::http::head::Status;
use crate::http::position::Positions;
use crate::http::sse;
use crate::http::target::Path;
use crate::intent::EventsOf;
use crate::resource::FileInfo;
use crate::subscription::beginning::{Beginning, Subject};

const EVENTS: &str = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nIncremental: ?1\r\nX-Content-Type-Options: nosniff\r\n";

impl ResponseBuilder<'_> {
    /// Of a stream of events only that conditions fail which ask for another file: it is never stale, and has no ranges.
    pub(crate) fn events(&self, of: &EventsOf, info: Option<&FileInfo>) -> Response {
        if info.is_some_and(|info| self.judge(info) == Verdict::Failed) {
            return self.failed();
        }
        let position = of.positions.as_ref().and_then(Positions::only);
        let Some(beginning) = Beginning::new(position, info) else {
            return self.events_later("no such file");
        };
        self.stream(&of.path, beginning.subject, beginning.events)
    }

    /// What is in a directory, or several of its files.
    pub(crate) fn events_of_directory(&self, of: &EventsOf) -> Response {
        let subject = match &of.files {
            Some(patterns) => Subject::Files {
                patterns: patterns.clone(),
                start: of.start,
                positions: of.positions.clone(),
            },
            None => Subject::Entries,
        };
        let mut beginning = Vec::new();
        sse::write_beginning(&mut beginning, None);
        self.stream(&of.path, subject, beginning)
    }

    /// A stream that cannot begin yet: it ends at once, and says when to come again. After any other status an event source
    /// fails for good (HTML Living Standard, section 9.2.2).
    pub(crate) fn events_later(&self, why: &str) -> Response {
        let mut events = format!(": {why}\n").into_bytes();
        sse::write_beginning(&mut events, None);
        let head = self.head(Status::Ok).lines(EVENTS);
        let head = head.field("Content-Type", sse::MEDIA);
        let head = head.field("Content-Length", events.len() as u64);
        let events = if self.asked.head_only() {
            &[]
        } else {
            &*events
        };
        Response::new(Status::Ok, head.finish(events), self.keep_alive)
    }

    fn stream(&self, path: &Path, subject: Subject, beginning: Vec<u8>) -> Response {
        let chunked = !self.asked.request.http10;
        let keep_alive = self.keep_alive && chunked;
        let builder = ResponseBuilder {
            keep_alive,
            ..*self
        };
        let head = builder.head(Status::Ok).lines(EVENTS);
        let head = head.field("Content-Type", sse::MEDIA);
        let head = if chunked { head.lines(CHUNKED) } else { head };
        if self.asked.head_only() {
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
