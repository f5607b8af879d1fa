//! `openrange mirror` of directories whose lists have several pages.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::mirror::{caught_up, same};
use super::{Running, contents, run, url};
use crate::support::harness::{Server, TempDir};

const FILES: usize = 2500;

fn name(number: usize) -> String {
    format!("f{number:04}")
}

fn fill(root: &TempDir, below: &str) {
    for number in 0..FILES {
        let name = name(number);
        root.write(&format!("{below}{name}"), &name);
    }
}

fn path(directory: &TempDir) -> String {
    directory.path().display().to_string()
}

#[test]
fn every_page_is_copied_also_below_and_along_a_chain() {
    let root = TempDir::new();
    fill(&root, "");
    root.mkdir("below");
    fill(&root, "below/");
    let server = Server::start(&root);
    let first = TempDir::new();
    let copy = |options: &[&str], url: &str, directory: &TempDir| {
        let directory = path(directory);
        let arguments = [
            &["mirror", "--until-caught-up"],
            options,
            &[url, &directory],
        ];
        assert_eq!(run(&arguments.concat()).0, Some(0));
    };
    copy(&["--recursive"], &url(&server, "/"), &first);
    assert_eq!(contents(first.path()).len(), FILES + 1);
    assert_eq!(
        contents(&root.join("below")),
        contents(&first.join("below"))
    );
    let bridge = Server::with(&first, &["--tags", "xattr"]);
    let second = TempDir::new();
    copy(&[], &url(&bridge, "/below/"), &second);
    assert_eq!(contents(&root.join("below")), contents(second.path()));
}

#[test]
fn what_changes_on_any_page_changes_here() {
    let root = TempDir::new();
    fill(&root, "");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = Running::start(&["mirror", "--delete", &url(&server, "/"), &path(&copy)]);
    caught_up(&mirror);
    same(&root, &copy);
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino()).ok();
    let before = (inode("f0500"), inode("f2400"));
    root.append("f2499", "more\n");
    root.write("zz", "new\n");
    // What grows, and what is new, on the last page.
    same(&root, &copy);
    // To the other end of the list, in both directions.
    root.rename("f0500", "z0500");
    root.rename("f2400", "a2400");
    root.remove("f1500");
    // What moves from page to page, and what goes.
    same(&root, &copy);
    assert_eq!((inode("z0500"), inode("a2400")), before, "{}", mirror.err());
    assert_eq!(mirror.stop().0.code(), Some(0));
}
