//! Responses without a file: pages from memory, redirects, refusals, failures.

use super::builder::{ResponseBuilder, text};
use super::fields::{
    ALLOW, ALLOW_ANSWER, ALLOW_JOBS, ALLOW_WRITABLE, CHUNKED, MISDIRECTED, NOT_STORED,
};
use super::message::Response;
use super::terms::Terms;
use crate::http::authorization::{Challenge, Session};
use crate::http::conditional::{self, Verdict};
use crate::http::cors::{PREFLIGHT, PREFLIGHT_WRITABLE};
use crate::http::head::Status;
use crate::http::media;
use crate::http::prefix::Prefix;
use crate::http::request::Refusal;
use crate::http::target::{Path, Target};
use crate::http::viewer;
use crate::http::write::ACCEPT_PATCH;
use crate::intent::Intent;
use crate::job::answered_at;
use crate::resource::{DirectoryPage, Resource};

/// No script runs in the list of a directory, whatever a name may contain.
const LISTING_POLICY: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n";

/// The answer to a head that was refused; the connection ends after it.
#[must_use]
pub fn refuse<'a>(refusal: Refusal, head_only: bool, terms: impl Into<Terms<'a>>) -> Response {
    let (status, line) = refusal.explain();
    let head = terms.into().head(status, false);
    let head = head.lines("Connection: close\r\n");
    let head = if status == Status::ServiceUnavailable {
        head.lines("Retry-After: 1\r\n")
    } else {
        head
    };
    Response::new(status, text(head, line, head_only), false)
}

/// What a client must do that has shown no token.
pub(super) const MISSING_TOKEN: &str = "this needs a token: send Authorization: Bearer TOKEN";

/// Why a client must come again although nothing is wrong with its request.
pub(super) const OVERLOADED: &str =
    "too many long pages and searches are under way, try again later";

impl ResponseBuilder<'_> {
    pub(super) fn options(&self, target: &Target) -> Response {
        let allow = match target {
            Target::Path(path) => self.methods_of(path),
            Target::Asterisk | Target::Nowhere => ALLOW,
        };
        let head = self.head(Status::NoContent).lines(allow);
        let head = match allow == ALLOW_WRITABLE {
            true => head.lines(ACCEPT_PATCH),
            false => head,
        };
        let head = head.lines(match self.terms.cors {
            None => "",
            Some(_) if allow == ALLOW => PREFLIGHT,
            Some(_) => PREFLIGHT_WRITABLE,
        });
        Response::new(Status::NoContent, head.finish(b""), self.keep_alive)
    }

    fn methods_of(&self, path: &Path) -> &'static str {
        let takes_jobs = |jobs: &Prefix| *path.name == *jobs.name();
        match self.terms.jobs {
            Some(jobs) if takes_jobs(jobs) => ALLOW_JOBS,
            _ if self.may_write(path) => ALLOW_WRITABLE,
            Some(jobs) if answered_at(jobs, path).is_some() => ALLOW_ANSWER,
            _ => ALLOW,
        }
    }

    /// A method that is not understood.
    pub(super) fn not_allowed(&self) -> Response {
        let (allow, line) = match self.terms.writable {
            None => (
                ALLOW,
                "only GET, HEAD and OPTIONS; writing needs --write PREFIX",
            ),
            Some(_) => (
                ALLOW_WRITABLE,
                "only GET, HEAD, OPTIONS, POST, PATCH, PUT, MOVE and DELETE",
            ),
        };
        self.plain(Status::MethodNotAllowed, allow, line)
    }

    pub(super) fn misdirected(&self) -> Response {
        // It says nothing of what was asked for.
        let builder = ResponseBuilder {
            negotiated: false,
            ..*self
        };
        builder.plain(Status::MisdirectedRequest, NOT_STORED, MISDIRECTED)
    }

    pub(super) fn unauthorized(&self, challenge: Challenge) -> Response {
        let line = match challenge {
            Challenge::Missing => MISSING_TOKEN,
            Challenge::Invalid => "this token is not valid here",
            Challenge::Insufficient => "this token does not permit that",
        };
        let status = match challenge {
            Challenge::Missing | Challenge::Invalid => Status::Unauthorized,
            Challenge::Insufficient => Status::Forbidden,
        };
        // It says nothing of what was asked for: all such responses are alike.
        let person = self.asked.request.accept.names_html();
        let builder = ResponseBuilder {
            negotiated: person,
            ..*self
        };
        if person && self.asked.may_log_in() && status == Status::Unauthorized {
            let fields = format!("{}{}", challenge.lines(), *viewer::LOGIN_FIELDS);
            return builder.page_with(
                Status::Unauthorized,
                &fields,
                media::HTML,
                viewer::LOGIN.as_bytes(),
            );
        }
        builder.plain(status, challenge.lines(), line)
    }

    /// A client that has logged in learns what its token opens; one that has logged out is sent back to where it was.
    pub(super) fn session(&self, session: &Session) -> Response {
        let fields = format!("{}{NOT_STORED}", session.fields);
        if let Intent::LogOut(path) = &self.asked.intent {
            let head = self.head(Status::SeeOther).lines(&fields);
            let head = head.field("Location", format_args!("{path}"));
            let head = text(head, "logged out", self.asked.head_only());
            return Response::new(Status::SeeOther, head, self.keep_alive);
        }
        let body = format!(
            "{{\"here\":{},\"path\":\"{}\"}}\n",
            session.here, session.below
        );
        self.page(&fields, media::JSON, body.as_bytes())
    }

    pub(super) fn needs_slash(&self) -> Response {
        let path = self.asked.intent.path().map(Path::to_string);
        let path = path.unwrap_or_default();
        let head = self.head(Status::MovedPermanently);
        let head = match &self.asked.request.query {
            Some(query) => head.field("Location", format_args!("{path}/?{query}")),
            None => head.field("Location", format_args!("{path}/")),
        };
        let head = text(
            head.lines(NOT_STORED),
            "a directory: its name ends with a slash",
            self.asked.head_only(),
        );
        Response::new(Status::MovedPermanently, head, self.keep_alive)
    }

    /// What a name led to that is not what was asked for.
    pub(super) fn failure<F>(&self, found: &Resource<F>) -> Response {
        let (status, lines, line) = match found {
            Resource::Forbidden => (Status::Forbidden, NOT_STORED, "not a readable regular file"),
            Resource::Busy => (
                Status::ServiceUnavailable,
                "Cache-Control: no-store\r\nRetry-After: 1\r\n",
                "too many open files, try again later",
            ),
            Resource::Overloaded => (
                Status::ServiceUnavailable,
                "Cache-Control: no-store\r\nRetry-After: 1\r\n",
                OVERLOADED,
            ),
            Resource::Ending => (
                Status::ServiceUnavailable,
                "Cache-Control: no-store\r\nRetry-After: 1\r\n",
                "the server is shutting down, try again later",
            ),
            Resource::Failed => (
                Status::InternalServerError,
                NOT_STORED,
                "the file system failed, see the server's log",
            ),
            _ => (Status::NotFound, NOT_STORED, "no such file"),
        };
        self.plain(status, lines, line)
    }

    /// A page that has no tag, if the conditions of the request permit it.
    pub(super) fn untagged(&self, page: impl FnOnce(&Self) -> Response) -> Response {
        match conditional::judge_untagged(&self.asked.request.conditions) {
            Verdict::Failed => self.failed(),
            Verdict::NotModified => {
                let head = self.head(Status::NotModified).lines(NOT_STORED);
                Response::new(Status::NotModified, head.finish(b""), self.keep_alive)
            }
            Verdict::Proceed | Verdict::ProceedWhole => page(self),
        }
    }

    pub(super) fn viewer(&self) -> Response {
        self.page(&viewer::FIELDS, media::HTML, viewer::PAGE.as_bytes())
    }

    /// The head of the list of a directory of this media type. What would be known only if the list were made is left out
    /// (RFC 9110 section 9.3.2).
    pub(super) fn listing_head(&self, media: &str) -> Response {
        let head = self.page_head(Status::Ok, &listing_fields(media), media);
        // Readers that do not know which method a response is for can tell where it ends.
        let head = match self.asked.request.http10 {
            true => head,
            false => head.lines(CHUNKED),
        };
        Response::new(Status::Ok, head.finish(b""), self.keep_alive)
    }

    pub(super) fn listing(&self, page: &DirectoryPage) -> Response {
        let mut fields = listing_fields(page.media);
        if let Some(next) = &page.next {
            fields += &format!("Link: <{next}>; rel=\"next\"\r\n");
        }
        self.shared_page(&fields, page.media, &page.body)
    }
}

fn listing_fields(media: &str) -> String {
    let policy = if media == media::HTML {
        LISTING_POLICY
    } else {
        ""
    };
    [NOT_STORED, policy].concat()
}
