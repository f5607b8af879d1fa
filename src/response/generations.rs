//! Responses about generations: where one is and what comes after it, why one is not there.

use std::sync::Arc;

use super::builder::{ResponseBuilder, text};
use super::fields::NOT_STORED;
use super::links::Link;
use super::message::Response;
use crate::http::head::Status;
use crate::http::media;
use crate::http::target::Path;
use crate::resource::{NoGeneration, NoGenerationReason};

impl ResponseBuilder<'_> {
    pub(super) fn generations(&self, list: &Arc<[u8]>) -> Response {
        self.shared_page(NOT_STORED, media::JSON, list)
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
