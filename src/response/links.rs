//! Links between the generations of a name.

use std::fmt;

use crate::http::etag::ETag;
use crate::http::head::Head;
use crate::http::target::Path;
use crate::resource::GenerationPlace;

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
pub(super) struct Link<'a>(
    pub(super) &'a Path,
    pub(super) ETag,
    pub(super) &'static str,
);

impl fmt::Display for Link<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Link(path, ETag(tag), relation) = self;
        write!(out, "<{path}?generation={tag:016x}>; rel=\"{relation}\"")
    }
}
