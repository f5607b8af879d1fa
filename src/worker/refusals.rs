//! Why a write is refused: for the log in full, while a client learns only what it can do about it.

use std::io::Error;

use log::{Level, log_enabled};

use super::context::Context;
use crate::http::target::Path;
use crate::receipt::WriteFailure;
use crate::response::written;
use crate::store::explain;

/// What is answered to a write that cannot be carried out, and why, for the log. The file system may say less than is known here:
/// where another directory has the name of one that may be written to, the client learns that and not that it may not write.
pub(super) fn explain_refusal(
    path: Option<&Path>,
    failure: WriteFailure,
    context: &Context,
) -> (WriteFailure, Option<String>) {
    let files = context.topics.lookups.files();
    let writing = context.writing.as_ref();
    let writable = writing.and_then(|writing| writing.writable.as_ref());
    let failure = match (failure, path, writable) {
        (WriteFailure::Denied(_) | WriteFailure::OtherFileSystem, Some(path), Some(writable))
            if !writable.has(files, &path.name) =>
        {
            WriteFailure::Replaced
        }
        _ => failure,
    };
    let why = log_enabled!(Level::Info).then(|| match (failure, path) {
        // The response says no more.
        (WriteFailure::Unauthorized(_), _) => None,
        (WriteFailure::Denied(error), Some(path)) => Some(explain::denial(
            files,
            path,
            &Error::from_raw_os_error(error),
        )),
        (WriteFailure::Full { error, .. } | WriteFailure::Failed { error, .. }, _) => {
            Some(Error::from_raw_os_error(error).to_string())
        }
        _ => Some(written::explain(failure).1.to_owned()),
    });
    (failure, why.flatten())
}
