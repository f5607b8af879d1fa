//! The directories of a tree.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;

use openrange::store::listing::open_below;

use crate::support::directory::TempDir;

#[test]
fn a_tree_goes_through_no_link() {
    let root = TempDir::new();
    root.mkdir("a/b");
    root.write("a/file", "");
    let top = File::open(root.path()).expect("a directory");
    let opens = |name: &[u8]| open_below(top.as_fd(), name).expect("an answer").is_some();
    assert!(opens(b"a") && opens(b"a/b"));
    assert!(!opens(b"a/file") && !opens(b"a/none") && !opens(b"none/b"));
    // Somebody replaces a directory by a link since it was found.
    fs::rename(root.join("a"), root.join("c")).expect("a rename");
    symlink("c", root.join("a")).expect("a link");
    assert!(!opens(b"a") && !opens(b"a/b") && opens(b"c/b"));
}
