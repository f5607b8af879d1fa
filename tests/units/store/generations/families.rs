//! Where a generation of a name may be, and what it may be called there.

use openrange::http::conditional::ETag;
use openrange::store::generations::families::{Families, split};

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
