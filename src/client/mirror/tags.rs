//! The tag that a copy has in its attribute.

use std::fs::File;
use std::path::Path;

use crate::http::conditional::ETag;
use crate::store::identity::TAG_ATTRIBUTE;

/// The tag of the file that has this name.
pub(super) fn tag_of(path: &Path) -> Option<ETag> {
    let mut value = [0; 32];
    let length = rustix::fs::lgetxattr(path, TAG_ATTRIBUTE, &mut value[..]).ok()?;
    ETag::from_digits(&value[..length])
}

/// The tag of an open file.
pub(super) fn tag_of_file(file: &File) -> Option<ETag> {
    let mut value = [0; 32];
    let length = rustix::fs::fgetxattr(file, TAG_ATTRIBUTE, &mut value[..]).ok()?;
    ETag::from_digits(&value[..length])
}
