//! Plain HTTP: method, target, query and fields as RFC 9110 and the server's documentation define them.

use crate::http::range::RangeSpec;
use crate::http::request::{Method, Request};
use crate::http::target::{Path, Target};
use crate::intent::{EventsOf, FilePart, Intent, ParsedRequest};

/// Decides what a request asks for.
#[must_use]
pub fn parse(mut request: Request) -> ParsedRequest {
    let intent = match request.write.take() {
        Some(write) => Intent::Write(write),
        None => intent(&request),
    };
    ParsedRequest { request, intent }
}

/// What a request asks for that writes nothing.
#[must_use]
pub fn intent(request: &Request) -> Intent {
    match (request.method, &request.target) {
        (Method::Get | Method::Head, Some(Target::Path(path))) => reading(request, path),
        (Method::Get | Method::Head, _) => Intent::Nowhere,
        (Method::Options, Some(target)) => Intent::Options(target.clone()),
        (Method::Options, None) | (Method::Other(_), _) => Intent::Unsupported,
    }
}

/// GET or HEAD of a path.
fn reading(request: &Request, path: &Path) -> Intent {
    match request.query.as_deref() {
        Some("login") => {
            return Intent::LogIn {
                path: path.clone(),
                keep: false,
            };
        }
        Some("login=keep") => {
            return Intent::LogIn {
                path: path.clone(),
                keep: true,
            };
        }
        Some("logout") => return Intent::LogOut(path.clone()),
        _ => {}
    }
    // Clients that do not name HTML get the file and not the viewer.
    if request.view && request.accept.names_html() && !path.slash {
        return Intent::Viewer(path.clone());
    }
    if request.events {
        return Intent::Events(EventsOf {
            path: path.clone(),
            start: request.start,
            positions: request.positions.clone(),
            files: request.files.clone(),
        });
    }
    if request.files.is_some() && path.slash {
        return Intent::EventsNotAccepted(path.clone());
    }
    if request.generations && !path.slash {
        return Intent::Generations(path.clone());
    }
    if path.slash && request.accept.prefers_json() {
        return Intent::Listing(path.clone());
    }
    let open = request.range.as_ref().is_none_or(RangeSpec::may_tail);
    let part = FilePart {
        path: path.clone(),
        range: request.range.clone(),
        start: request.start.filter(|_| open),
        generation: request.generation.filter(|_| !path.slash),
    };
    if part.start.is_some() || part.range.as_ref().is_some_and(RangeSpec::may_tail) {
        Intent::Tail(part)
    } else {
        Intent::Read(part)
    }
}
