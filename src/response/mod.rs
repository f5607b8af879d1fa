//! A request and what was found, to the bytes of a response head and what of the file shall follow it.

mod answers;
mod builder;
mod events;
mod fields;
mod file;
mod generations;
mod links;
mod message;
mod other;
mod terms;
pub mod written;

use crate::http::head::Status;
use crate::intent::{Intent, ParsedRequest};
use crate::resource::Resource;
use builder::ResponseBuilder;
pub use fields::MISDIRECTED;
use fields::NOT_STORED;
pub use message::{Body, Part, Response, Summary};
pub use other::refuse;
pub use terms::{DelimiterKey, Terms};

const EVENTS_ONLY: &str = "?files= is a stream of events: send Accept: text/event-stream";

/// The response to a request whose name led to this. `keep_alive`: whether the server lets the connection stay if the
/// client does. Where descriptors have run out it ends: it holds one itself.
#[must_use]
pub fn respond<'a, F>(
    asked: &ParsedRequest,
    found: &Resource<F>,
    keep_alive: bool,
    terms: impl Into<Terms<'a>>,
) -> Response {
    let stays = keep_alive && !matches!(found, Resource::Busy);
    let builder = ResponseBuilder {
        asked,
        keep_alive: stays && asked.request.keep_alive,
        negotiated: asked.request.is_negotiated(),
        generation: None,
        terms: terms.into(),
    };
    match (&asked.intent, found) {
        (_, Resource::Misdirected) => builder.misdirected(),
        (_, Resource::Unauthorized(challenge)) => builder.unauthorized(*challenge),
        (_, Resource::Session(session)) => builder.session(session),
        (Intent::Options(target), _) => builder.options(target),
        (Intent::Write(_) | Intent::Unsupported, _) => builder.not_allowed(),
        (Intent::Nowhere, _) => builder.plain(Status::NotFound, NOT_STORED, "no such file"),
        (Intent::EventsNotAccepted(_), _) => {
            builder.plain(Status::NotAcceptable, NOT_STORED, EVENTS_ONLY)
        }
        // Conditions are those of the file: the page is another resource, and the same for all files.
        (_, Resource::Viewer) | (Intent::Viewer(_), Resource::File { .. }) => builder.viewer(),
        (Intent::Events(of), Resource::File { info, .. }) => builder.events(of, Some(info)),
        (Intent::Events(of), Resource::Directory) => builder.events_of_directory(of),
        (Intent::Events(of), Resource::Missing) if of.comes_again() => match of.path.slash {
            true => builder.events_of_directory(of),
            false => builder.events(of, None),
        },
        // A client that prefers to wait can do with 404.
        (Intent::Events(_), Resource::Missing) if builder.terms.waited.is_some() => {
            builder.failure(found)
        }
        (Intent::Events(_), Resource::Missing) => builder.events_later("no such file"),
        (Intent::Events(_), Resource::Busy) => builder.events_later("too many open files"),
        (Intent::Events(_), Resource::Overloaded) => builder.events_later(other::OVERLOADED),
        (Intent::Read(part) | Intent::Tail(part), Resource::File { info, .. }) => {
            builder.file(part, info)
        }
        (Intent::Read(part) | Intent::Tail(part), Resource::Generation { info, place, .. }) => {
            let generation = Some((&part.path, &**place));
            let builder = ResponseBuilder {
                generation,
                ..builder
            };
            builder.file(part, info)
        }
        (Intent::Read(part) | Intent::Tail(part), Resource::NoGeneration(none)) => {
            builder.no_generation(&part.path, none)
        }
        (Intent::Answer(answer), Resource::File { info, .. }) => builder.answer(answer, info),
        (Intent::Generations(_), Resource::Generations(list)) => {
            builder.untagged(|builder| builder.generations(list))
        }
        (_, Resource::Listing(page)) => builder.untagged(|builder| builder.listing(page)),
        (_, Resource::ListingHead(media)) => {
            builder.untagged(|builder| builder.listing_head(media))
        }
        (_, Resource::NeedsSlash) => builder.needs_slash(),
        (_, found) => builder.failure(found),
    }
}
