//! Where a generation of a name may be, and what it may be called there.

use openrange::http::conditional::ETag;
use openrange::store::generations::fact::Holder;
use openrange::store::generations::families::{Families, split};
use openrange::store::generations::order::Original;

#[test]
fn a_name_is_a_directory_and_a_name_in_it() {
    for (name, directory, own) in [
        ("log", "", "log"),
        ("d/log", "d/", "log"),
        ("d/e/log", "d/e/", "log"),
    ] {
        let parts = (directory.as_bytes(), own.as_bytes());
        assert_eq!(split(name.as_bytes()), parts, "{name}");
    }
}

#[test]
fn members() {
    // Name, path of a file; whether that is a generation of the name, without a directory for old ones and with it.
    for (name, path, beside, with_old) in [
        ("d/log", "d/log", true, true),
        ("d/log", "d/log.1", true, true),
        ("d/log", "d/other", false, false),
        ("d/log", "d/other.1", false, false),
        ("d/log", "d/.log.1", false, false),
        ("d/log", "e/log.1", false, false),
        ("d/log", "log.1", false, false),
        ("d/log", "d/old/log.1", false, true),
        ("d/log", "d/old/.log.1", false, false),
        ("d/log", "d/old/log", false, false),
        ("d/log", "old/log.1", false, false),
        ("d/log", "d/old/old/log.1", false, false),
        ("log", "log", true, true),
        ("log", "log.1", true, true),
        ("log", "old/log.1", false, true),
        ("log", "d/log.1", false, false),
    ] {
        for (old_dir, expected) in [(None, beside), (Some(&b"old"[..]), with_old)] {
            let families = Families {
                old_dir: old_dir.map(Into::into),
                ..Families::default()
            };
            let has = families.has(name.as_bytes(), path.as_bytes(), ETag(1));
            assert_eq!(has, expected, "{path} of {name}, {old_dir:?}");
        }
    }
}

/// A compressed copy of a file that had the name is a generation under any name with the suffix of a compressor.
#[test]
fn copies() {
    let families = Families::default();
    let file = |tag| Holder {
        etag: ETag(tag),
        inode: tag,
        size: 0,
    };
    families.history.note_holder(b"d/log", file(1));
    let (etag, size) = (ETag(1), 0);
    families.history.note_compressed(
        file(2),
        Original {
            etag,
            size,
            is_final: true,
        },
    );
    for (name, path, tag, expected) in [
        ("d/log", "d/saved.gz", 2, true),
        ("d/log", "d/saved", 2, false),
        ("d/log", "d/saved.gz", 3, false),
        ("d/log", "e/saved.gz", 2, false),
        ("d/other", "d/saved.gz", 2, false),
    ] {
        let has = families.has(name.as_bytes(), path.as_bytes(), ETag(tag));
        assert_eq!(has, expected, "{path} of {name}");
    }
}
