//! `follow`.

mod fanout;
mod links;
mod rolled_logs;
mod rolls;
mod topics;
mod watcher;

use openrange::follow::rolls::Entry;
use openrange::http::conditional::ETag;
use openrange::store::generations::fact::Holder;

/// A name in the only directory.
fn entry(name: &str) -> Entry {
    (1, name.as_bytes().into())
}

/// An empty file, by its number.
fn holder(file: u64) -> Holder {
    Holder {
        etag: ETag(file),
        inode: file,
        size: 0,
    }
}
