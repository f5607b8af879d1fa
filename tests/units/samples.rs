//! What the tests of several modules begin with.

use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::resource::FileInfo;

/// A text of this size with this tag, to which somebody may still append.
pub fn info(tag: u64, size: u64) -> FileInfo {
    let date = Date::from_seconds(0);
    FileInfo {
        size,
        sealed: false,
        modified: date.into(),
        date_is_shared: false,
        changed: date,
        etag: ETag(tag),
        media: "text/plain",
        start: None,
        bytes_before: None,
    }
}
