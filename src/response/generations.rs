//! Responses about generations: where one is and what comes after it, why one is not there.

use std::fmt;

use super::{NOT_STORED, Response, ResponseBuilder, text};
use crate::http::conditional::ETag;
use crate::http::head::{Head, Status};
use crate::http::media;
use crate::http::target::Path;
use crate::resource::{GenerationPlace, NoGeneration, NoGenerationReason};

/// Where a generation is, and what comes after it (RFC 9110 section 8.7, RFC 5829). `path`: of the name. The links are one
/// field, as some clients see only one of each name.
pub(super) fn links(head: Head, path: &Path, place: &GenerationPlace) -> Head {
    let head = head.field("Content-Location", format_args!("{}", place.path));
    match place.successor {
        Some(next) => head.field(
            "Link",
            format_args!(
                "<{path}>; rel=\"latest-version\", {}",
                Link(path, next, "successor-version")
            ),
        ),
        None => head.field("Link", format_args!("<{path}>; rel=\"latest-version\"")),
    }
}

/// A link to a generation of a name.
struct Link<'a>(&'a Path, ETag, &'static str);

impl fmt::Display for Link<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Link(path, ETag(tag), relation) = self;
        write!(out, "<{path}?generation={tag:016x}>; rel=\"{relation}\"")
    }
}

impl ResponseBuilder<'_> {
    pub(super) fn generations(&self, list: &[u8]) -> Response {
        self.page(NOT_STORED, media::JSON, list)
    }

    pub(super) fn no_generation(&self, path: &Path, none: &NoGeneration) -> Response {
        let head = self.head(Status::NotFound).lines(NOT_STORED);
        let first = none.first.map(|first| Link(path, first, "first"));
        let next = none
            .successor
            .map(|next| Link(path, next, "successor-version"));
        let head = match (first, next) {
            (Some(first), Some(next)) => head.field("Link", format_args!("{first}, {next}")),
            (Some(link), None) | (None, Some(link)) => head.field("Link", format_args!("{link}")),
            (None, None) => head,
        };
        let line = match &none.reason {
            NoGenerationReason::NeverSeen => String::from("this generation was never seen"),
            NoGenerationReason::Gone => String::from("this generation is gone"),
            NoGenerationReason::Truncated => String::from("this generation was truncated"),
            NoGenerationReason::Compressed(copy) => {
                format!("of this generation only a compressed copy is left: {copy}")
            }
        };
        let head = text(head, &line, self.asked.head_only());
        Response::new(Status::NotFound, head, self.keep_alive)
    }
}
