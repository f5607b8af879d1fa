//! `openrange mirror --recursive`: a directory and those below it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::{Running, rotate, run, url};
use crate::support::harness::{Server, TempDir, eventually, openrange};
use crate::support::seccomp::deny;

/// What is visible below a directory: paths and contents.
pub fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.strip_prefix(root).expect("below").display();
            let name = name.to_string();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            match path.is_dir() {
                _ if hidden => {}
                true => directories.push(path),
                false => files.push((name, fs::read(&path).unwrap_or_default())),
            }
        }
    }
    files.sort();
    files
}

pub fn same(origin: &TempDir, copy: &TempDir, what: &str) {
    eventually(what, || tree(origin.path()) == tree(copy.path()));
}

pub fn path(directory: &TempDir) -> String {
    directory.path().display().to_string()
}

fn origin() -> TempDir {
    let root = TempDir::with("log", "of the root\n");
    for directory in ["a", "a/b", "a/b/c", "with % and ü", ".hidden"] {
        root.mkdir(directory);
        root.write(&format!("{directory}/log"), format!("of {directory}\n"));
    }
    root
}

pub fn mirror(server: &Server, copy: &TempDir) -> Running {
    let arguments = ["mirror", "--recursive", "--delete"];
    Running::start(&[&arguments[..], &[&url(server, "/"), &path(copy)]].concat())
}

#[test]
fn everything_below_comes_and_what_changes() {
    let root = origin();
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy);
    same(&root, &copy, "the first copies");
    assert!(!copy.join(".hidden").exists());
    root.append("a/b/c/log", "more\n");
    same(&root, &copy, "a line");
    for roll in 0..3 {
        root.append("a/log", format!("last of {roll}\n"));
        rotate(&root, "a/log");
        root.append("a/log.1", format!("late {roll}\n"));
        root.write("a/log", format!("first of {roll}\n"));
        same(&root, &copy, "a roll");
    }
    root.mkdir("a/new");
    root.write("a/new/log", "of a new one\n");
    same(&root, &copy, "a new directory");
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino());
    let before = inode("a/new/log").expect("a copy");
    root.rename("a/new/log", "a/b/moved");
    same(&root, &copy, "a file that moves to another directory");
    assert_eq!(inode("a/b/moved").expect("a copy"), before);
    root.rename("a/b", "b");
    same(&root, &copy, "a directory that moves");
    assert_eq!(inode("b/moved").expect("a copy"), before);
    eventually("an end of the empty directory", || {
        !copy.join("a/b").exists()
    });
    fs::remove_dir_all(root.join("b")).expect("remove");
    same(&root, &copy, "a directory that is removed");
    root.mkdir("b");
    root.write("b/log", "again\n");
    same(&root, &copy, "a directory that comes again");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn a_roll_into_a_directory_below_keeps_the_copy() {
    let root = TempDir::new();
    root.mkdir("t/old");
    root.write("t/old/keep", "kept\n");
    root.write("t/log", "first\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy);
    same(&root, &copy, "the first copies");
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino());
    for roll in 0..8 {
        let before = inode("t/log").expect("a copy");
        let rolled = format!("t/old/log-2026010{roll}");
        root.rename("t/log", &rolled);
        root.write("t/log", format!("after {roll}\n"));
        same(&root, &copy, "a roll");
        assert_eq!(inode(&rolled).expect("a copy"), before);
    }
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// As on a file system without hard links.
#[test]
fn of_several_names_of_a_file_the_copy_keeps_its_own() {
    let root = TempDir::new();
    root.mkdir("m");
    root.write("m/log", "of m\n");
    symlink("m", root.join("a")).expect("a link");
    fs::create_dir_all(root.join("z")).expect("a directory");
    fs::hard_link(root.join("m/log"), root.join("z/log")).expect("a link");
    root.write("top", "of the root\n");
    fs::hard_link(root.join("top"), root.join("m/top")).expect("a link");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let without_links = |arguments: &[&str]| {
        let mut command = openrange(arguments);
        deny(&mut command, &[(libc::SYS_linkat, libc::EPERM)]);
        Running::of(command)
    };
    let mirror = without_links(&["mirror", "--recursive", "--delete", &from, &to]);
    mirror.says("caught up");
    let names = || tree(copy.path()).into_iter().map(|(name, _)| name);
    let before: Vec<_> = names().collect();
    assert!(before.contains(&"top".to_owned()), "{before:?}");
    let left_out =
        |name: &str, of: &str| format!("{name} is left out: it is another name of {of}\n");
    let from_the_start = [
        left_out("m/log", "a/log"),
        left_out("z/log", "a/log"),
        left_out("a/top", "top"),
        left_out("m/top", "top"),
    ];
    from_the_start.iter().for_each(|line| mirror.says(line));
    fs::hard_link(root.join("top"), root.join("a-first")).expect("a link");
    mirror.says(&left_out("a-first", "top"));
    root.write("another", "later\n");
    eventually("what came later", || copy.join("another").exists());
    assert!(names().any(|name| name == "top"));
    assert!(!copy.join("a-first").exists());
    fs::remove_file(root.join("top")).expect("remove");
    eventually("the name that is left", || copy.join("a-first").exists());
    let said = mirror.err();
    for line in &from_the_start {
        assert_eq!(said.matches(&**line).count(), 1, "{said}");
    }
    let other = TempDir::new();
    let arguments = [
        "mirror",
        "--recursive",
        "--until-caught-up",
        &from,
        &path(&other),
    ];
    let (code, _, err) = without_links(&arguments).end();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&from_the_start[1]), "{err}");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn what_changed_meanwhile_is_made_up_for() {
    let root = origin();
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = ["mirror", "--recursive", "--until-caught-up", &from, &to];
    assert_eq!(run(&arguments).0, Some(0));
    assert_eq!(tree(root.path()), tree(copy.path()));
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino());
    let before = inode("a/b/c/log").expect("a copy");
    root.append("a/b/c/log", "more\n");
    root.rename("a/b", "moved");
    root.mkdir("a/b");
    root.write("a/b/log", "another\n");
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(tree(root.path()), tree(copy.path()), "{err}");
    assert_eq!(inode("moved/c/log").expect("a copy"), before);
}

#[test]
fn a_chain_of_trees_is_the_same_everywhere() {
    let first = origin();
    let (second, third) = (TempDir::new(), TempDir::new());
    let servers = [
        Server::start(&first),
        Server::with(&second, &["--tags", "xattr"]),
    ];
    let mirrors = [mirror(&servers[0], &second), mirror(&servers[1], &third)];
    for round in 0..5 {
        root_changes(&first, round);
        same(&first, &second, "the second");
        same(&first, &third, "the third");
    }
    for mirror in mirrors {
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

fn root_changes(root: &TempDir, round: usize) {
    root.append("a/b/log", format!("line {round}\n"));
    root.append("log", format!("line {round}\n"));
    rotate(root, "a/b/log");
    root.write("a/b/log", format!("new {round}\n"));
    root.mkdir(&format!("a/{round}"));
    root.write(&format!("a/{round}/log"), format!("new {round}\n"));
}

#[test]
fn directories_beyond_those_with_a_stream_are_listed_now_and_then() {
    let root = TempDir::new();
    for number in 0..30 {
        root.mkdir(&format!("{number:02}"));
        root.write(&format!("{number:02}/log"), format!("of {number}\n"));
    }
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy);
    same(&root, &copy, "the first copies");
    root.append("29/log", "more\n");
    root.write("28/new", "new\n");
    root.mkdir("27/below");
    root.write("27/below/log", "new\n");
    same(&root, &copy, "what came later");
    // From now on it is followed.
    root.append("29/log", "more\n");
    same(&root, &copy, "another line");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn links_in_the_mirror_lead_nowhere() {
    let root = origin();
    let server = Server::start(&root);
    let (copy, outside) = (TempDir::new(), TempDir::new());
    symlink(outside.path(), copy.join("a")).expect("a link");
    let mirror = mirror(&server, &copy);
    mirror.says("a exists already and is not a copy: it is left alone, and a/log is left out");
    eventually("the others", || copy.join("with % and ü/log").exists());
    fs::remove_file(copy.join("a")).expect("the link");
    root.write("a/further", "more\n");
    same(&root, &copy, "all, when the link is gone");
    // A directory of copies is replaced by a link to elsewhere.
    fs::rename(copy.join("a"), copy.join(".a")).expect("rename");
    symlink(outside.path(), copy.join("a")).expect("a link");
    root.append("a/log", "more\n");
    root.write("a/new", "more\n");
    mirror.says("a exists already and is not a copy: it is left alone, and a/new is left out");
    assert_eq!(mirror.stop().0.code(), Some(0));
    assert!(tree(outside.path()).is_empty());
}

#[test]
fn without_recursion_directories_are_left_out_in_one_line_each() {
    let root = origin();
    let server = Server::start(&root);
    let copy = TempDir::new();
    let arguments = [
        "mirror",
        "--until-caught-up",
        &url(&server, "/"),
        &path(&copy),
    ];
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(tree(copy.path()).len(), 1);
    assert!(
        err.contains("a/ is a directory and is left out: --recursive"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 2, "{err}");
    let (code, _, err) = run(&["mirror", "--recursive", &url(&server, "/log"), &path(&copy)]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--recursive is for a directory"), "{err}");
}

/// Without `--recursive`: each of a few, the number of many.
#[test]
fn directories_that_are_left_out_fill_no_log() {
    let root = TempDir::with("log", "a line\n");
    (10..40).for_each(|number| root.mkdir(&number.to_string()));
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (code, _, err) = run(&[
        "mirror",
        "--until-caught-up",
        &url(&server, "/"),
        &path(&copy),
    ]);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 9, "{err}");
    assert!(
        lines[7].contains("17/ is a directory and is left out"),
        "{err}"
    );
    assert!(
        lines[8].contains("22 more directories are left out"),
        "{err}"
    );
}
