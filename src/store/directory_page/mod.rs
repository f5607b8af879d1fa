//! The list of a directory, a page at a time: as HTML for people, as text for a terminal, or as JSON for programs.

mod html;
mod select;
mod text;

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use super::generations::moves::pending;
use super::listing::Form;
use super::root::Files;
use crate::http::list_query::ListQuery;
use crate::http::media;
use crate::http::target::Path;
use crate::resource::DirectoryPage;
use crate::subscription::entry;

/// Lists a page of a directory in this form. `None`: there are more than `most` entries to look at.
///
/// # Errors
/// EACCES if it cannot be read, EMFILE and the like.
pub fn write(
    files: &Files,
    directory: &OwnedFd,
    path: &Path,
    form: Form,
    query: &ListQuery,
    most: usize,
) -> Result<Option<DirectoryPage>, Errno> {
    let directory = directory.as_fd();
    let Some(page) = select::select(files, directory, path, form, query, most)? else {
        return Ok(None);
    };
    let next = page.last.as_ref().map(|place| query.behind(place));
    let next = next.as_ref();
    let text = match form {
        Form::Page | Form::MemberPage | Form::Links => html::write(path, &page, form, query, next),
        Form::Text => text::write(&page, next),
        Form::Topics => {
            let is_on_it = |name: &[u8]| page.entries.iter().any(|(other, _)| **other == *name);
            let moving = pending(directory, is_on_it);
            entry::list(path, &page.entries, page.count, next, &moving)
        }
    };
    Ok(Some(DirectoryPage {
        body: text.into_bytes().into(),
        media: media(form),
        next: next.map(|next| next.of(path)),
    }))
}

/// The media type of a list in this form.
#[must_use]
pub fn media(form: Form) -> &'static str {
    match form {
        Form::Page | Form::MemberPage | Form::Links => media::HTML,
        Form::Text => media::TEXT,
        Form::Topics => media::JSON,
    }
}
