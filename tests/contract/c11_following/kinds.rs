//! `openrange mirror --recursive`: files that become directories, and directories that become files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::trees::{mirror, path, same, tree};
use super::{run, url};
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::machine::skip;

/// `FROM TO`: a file or directory gets another name; `FROM`: it goes; `+NAME`: a new file.
fn change(root: &TempDir, changes: &[&str]) {
    for change in changes {
        let make = |name: &str| {
            let above = Path::new(name).parent().expect("a name");
            fs::create_dir_all(root.join(above)).expect("directories");
        };
        match (change.strip_prefix('+'), change.split_once(' ')) {
            (Some(name), _) => {
                make(name);
                root.write(name, format!("{name} anew\n"));
            }
            (None, Some((from, to))) => {
                make(to);
                root.rename(from, to);
            }
            (None, None) if root.join(change).is_dir() => {
                fs::remove_dir_all(root.join(change)).expect("a directory");
            }
            (None, None) => root.remove(change),
        }
    }
}

/// What the origin has, what changes, and how many copies of what is gone are kept.
const CHANGES: [(&[&str], &[&str], usize); 10] = [
    (&["+a"], &["a t", "t a/a"], 0),
    (&["+a"], &["a t", "t a/b/x"], 0),
    (&["+a/a"], &["a t", "t/a a", "t"], 0),
    (&["+a/b/x"], &["a/b/x t", "a", "t a"], 0),
    (&["+f", "+d/x", "+d/e/y"], &["f t", "d f", "t d"], 0),
    (&["+a", "+b"], &["a t", "b s", "t b/x", "s a/x"], 0),
    (&["+a"], &["a", "+a/in"], 1),
    (&["+a/x", "+a/b/y"], &["a", "+a"], 2),
    (&["+a", "+b"], &["a", "b t", "t a/b"], 1),
    (
        &["+a/log", "+a/log.1", "+a/log.2"],
        &[
            "a/log.2 b/log.3",
            "a/log.1 b/log.2",
            "a/log b/log.1",
            "a",
            "+a",
        ],
        0,
    ),
];

#[test]
fn names_become_those_of_the_origin() {
    for (before, after, kept) in CHANGES {
        for delete in [false, true] {
            let (root, copy) = (TempDir::new(), TempDir::new());
            let server = Server::start(&root);
            let (from, to) = (url(&server, "/"), path(&copy));
            let mut arguments = vec!["mirror", "--recursive", "--until-caught-up"];
            arguments.extend(delete.then_some("--delete"));
            arguments.extend([&*from, &*to]);
            change(&root, before);
            assert_eq!(run(&arguments).0, Some(0));
            let old = tree(copy.path());
            assert_eq!(old, tree(root.path()));
            change(&root, after);
            let (code, _, err) = run(&arguments);
            let (there, here) = (tree(root.path()), tree(copy.path()));
            let what = format!("{after:?}, --delete {delete}: {here:?}: {err}");
            assert_eq!(code, Some(0), "{what}");
            assert!(there.iter().all(|file| here.contains(file)), "{what}");
            let kept = if delete { 0 } else { kept };
            assert_eq!(here.len(), there.len() + kept, "{what}");
            let has = |bytes: &Vec<u8>| here.iter().any(|(_, other)| other == bytes);
            assert!(delete || old.iter().all(|(_, bytes)| has(bytes)), "{what}");
            assert!(!err.contains("left alone"), "{what}");
        }
    }
}

#[test]
fn a_mirror_that_is_running_follows_them() {
    let (root, copy) = (TempDir::new(), TempDir::new());
    change(&root, &["+a", "+d/x", "+d/y"]);
    let server = Server::start(&root);
    let mirror = mirror(&server, &copy);
    same(&root, &copy, "the first copies");
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino()).ok();
    let before = inode("a");
    change(&root, &["a t", "t a/x"]);
    same(&root, &copy, "a file that is below its name");
    change(&root, &["a t", "t/x a", "t"]);
    same(&root, &copy, "a file that has the name of its directory");
    let (file, directory) = (root.join("a"), root.join("d"));
    renameat_with(CWD, file, CWD, directory, RenameFlags::EXCHANGE).expect("an exchange");
    same(&root, &copy, "a file and a directory that are exchanged");
    assert_eq!(inode("d"), before, "by identity");
    change(&root, &["d", "+d/new", "a", "+a"]);
    same(&root, &copy, "others of the same names");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// What somebody else has made stays, and the mirror says what is in the way.
#[test]
fn what_is_in_the_way_is_named() {
    let (root, copy) = (TempDir::new(), TempDir::new());
    change(&root, &["+d/x", "+e"]);
    let server = Server::start(&root);
    let mirror = mirror(&server, &copy);
    same(&root, &copy, "the first copies");
    copy.write("d/own", "of somebody else\n");
    copy.write("f", "of somebody else\n");
    change(&root, &["d", "+d", "+f/x"]);
    mirror.says("d is a directory with files that are no copies: it is left alone\n");
    mirror.says("f exists already and is not a copy: it is left alone, and f/x is left out\n");
    fs::rename(copy.join("d/own"), copy.join(".own")).expect("rename");
    fs::rename(copy.join("f"), copy.join(".f")).expect("rename");
    change(&root, &["+g"]);
    same(&root, &copy, "all, when there is room");
    eventually("no directory", || copy.join("d").is_file());
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// Somebody has put his own file in the place of a copy, and it has got the same inode number, as often happens: it has no tag.
#[test]
fn a_file_with_the_inode_number_of_a_copy_is_left_alone() {
    let (root, copy) = (TempDir::with("log", "of the origin\n"), TempDir::new());
    let server = Server::start(&root);
    let (url, path) = (url(&server, "/"), path(&copy));
    let catch_up = ["mirror", "--delete", "--until-caught-up", &url, &path];
    assert_eq!(run(&catch_up).0, Some(0));
    if rustix::fs::removexattr(copy.join("log"), "user.openrange.tag").is_err() {
        return skip("this file system has no user attributes");
    }
    copy.write("log", "somebody's own\n");
    root.append("log", "and more\n");
    let (code, _, err) = run(&catch_up);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("log exists already"), "{err}");
    root.remove("log");
    run(&catch_up);
    let left = fs::read_to_string(copy.join("log")).expect("a file");
    assert_eq!(left, "somebody's own\n");
}
