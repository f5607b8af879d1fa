//! What all responses to one request share, and how their heads are made.

use std::sync::Arc;

use super::fields::complete;
use super::links::links;
use super::message::{Body, Response};
use super::terms::Terms;
use crate::http::head::{Head, Status};
use crate::http::media;
use crate::http::target::Path;
use crate::intent::ParsedRequest;
use crate::limits::COPY_MAX;
use crate::resource::{FileInfo, GenerationPlace};

/// What all answers to one request share.
#[derive(Clone, Copy)]
pub(super) struct ResponseBuilder<'a> {
    pub(super) asked: &'a ParsedRequest,
    pub(super) keep_alive: bool,
    /// Another Accept field could lead to another answer (RFC 9110 section 12.5.5): `index.html` and the topic list of
    /// its directory have one URL, and so have a file and its viewer.
    pub(super) negotiated: bool,
    /// The name and the place of the generation that is sent, if one was asked for.
    pub(super) generation: Option<(&'a Path, &'a GenerationPlace)>,
    pub(super) terms: Terms<'a>,
}

impl ResponseBuilder<'_> {
    pub(super) fn head(&self, status: Status) -> Head {
        let head = self.terms.head(status, self.negotiated);
        let head = match self.generation {
            Some((path, place)) => links(head, path, place),
            None => head,
        };
        let head = match self.terms.waited {
            Some(seconds) => head.field("Preference-Applied", format_args!("wait={seconds}")),
            None => head,
        };
        match (self.keep_alive, self.asked.request.http10) {
            (false, _) => head.lines("Connection: close\r\n"),
            (true, true) => head.lines("Connection: keep-alive\r\n"),
            (true, false) => head,
        }
    }

    pub(super) fn plain(&self, status: Status, lines: &'static str, line: &str) -> Response {
        Response::new(
            status,
            text(self.head(status).lines(lines), line, self.asked.head_only()),
            self.keep_alive,
        )
    }

    /// A body that is held in memory.
    pub(super) fn page(&self, lines: &str, media: &str, body: &[u8]) -> Response {
        self.page_with(Status::Ok, lines, media, body)
    }

    pub(super) fn page_with(
        &self,
        status: Status,
        lines: &str,
        media: &str,
        body: &[u8],
    ) -> Response {
        let head = self.page_head(status, lines, media);
        let head = head.field("Content-Length", body.len() as u64);
        let body = if self.asked.head_only() { b"" } else { body };
        Response::new(status, head.finish(body), self.keep_alive)
    }

    /// The same; a long body is not copied.
    pub(super) fn shared_page(&self, lines: &str, media: &str, body: &Arc<[u8]>) -> Response {
        if body.len() <= COPY_MAX || self.asked.head_only() {
            return self.page(lines, media, body);
        }
        let head = self.page_head(Status::Ok, lines, media);
        let head = head.field("Content-Length", body.len() as u64);
        Response {
            body: Body::Page(Arc::clone(body)),
            ..Response::new(Status::Ok, head.finish(b""), self.keep_alive)
        }
    }

    pub(super) fn page_head(&self, status: Status, lines: &str, media: &str) -> Head {
        self.head(status)
            .lines(lines)
            .lines("X-Content-Type-Options: nosniff\r\n")
            .field("Content-Type", media)
    }

    pub(super) fn may_write(&self, path: &Path) -> bool {
        let prefixes = self.terms.writable;
        prefixes.is_some_and(|prefixes| prefixes.find(path).is_some())
    }

    /// What a producer wants to know before it goes on.
    pub(super) fn upload(&self, head: Head, info: &FileInfo) -> Head {
        let path = self.asked.intent.path();
        match self.asked.head_only() && path.is_some_and(|path| self.may_write(path)) {
            true => head
                .field("Upload-Offset", info.size)
                .lines(complete(info.sealed)),
            false => head,
        }
    }
}

pub(super) fn text(head: Head, line: &str, head_only: bool) -> Vec<u8> {
    let head = head
        .lines("X-Content-Type-Options: nosniff\r\n")
        .field("Content-Type", media::TEXT)
        .field("Content-Length", line.len() as u64 + 1);
    head.finish(
        if head_only {
            String::new()
        } else {
            format!("{line}\n")
        }
        .as_bytes(),
    )
}
