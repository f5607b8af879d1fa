//! The copies and their records, in a directory of the test.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use openrange::client::mirror::plan::{Local, Step};
use openrange::client::mirror::steps::Applied;
use openrange::client::mirror::tree::{Tree, check_before};
use openrange::client::state_file::Unusable;
use openrange::http::etag::ETag;
use openrange::http::position::{CHECKED, Check};

use crate::support::directory::TempDir;

const URL: &str = "http://host/d/";
/// Far longer than a program takes to begin.
const PATIENCE: Duration = Duration::from_secs(30);

fn tree(home: &TempDir) -> Tree {
    let mut tree = Tree::open(home.path(), URL).unwrap_or_else(|_| panic!("no mirror"));
    tree.establish().unwrap_or_else(|_| panic!("no mirror"));
    tree
}

fn name(name: &str) -> Box<[u8]> {
    name.as_bytes().into()
}

fn create(tree: &mut Tree, etag: u64, file: &str) -> bool {
    let step = Step::Create(ETag(etag), name(file));
    tree.announce(std::slice::from_ref(&step)).expect("records");
    apply(tree, &step)
}

fn apply(tree: &mut Tree, step: &Step) -> bool {
    match tree.apply(step).expect("a step") {
        Applied::Done => true,
        Applied::Later => false,
        Applied::NoLink(_) => panic!("{step:?}: no links"),
        Applied::Barred(_, why) => panic!("{step:?}: {why}"),
    }
}

fn append(tree: &mut Tree, etag: u64, bytes: &[u8]) {
    let mut file = tree.append_to(ETag(etag)).expect("a file").expect("a copy");
    file.write_all(bytes).expect("a disk");
    tree.grown(ETag(etag), bytes.len() as u64);
}

/// Opens a tree again. A program that another test is just starting has our lock too, until it runs.
fn reopen(path: &Path, url: &str) -> Result<Tree, Unusable> {
    let begin = Instant::now();
    loop {
        match Tree::open(path, url) {
            Err(Unusable::Locked) if begin.elapsed() < PATIENCE => thread::yield_now(),
            result => return result,
        }
    }
}

fn why(unusable: Result<Tree, Unusable>) -> String {
    match unusable {
        Ok(_) => "usable".into(),
        Err(Unusable::Locked) => "locked".into(),
        Err(Unusable::Failed(why)) => why,
    }
}

fn of(tree: &Tree) -> Vec<(String, u64, u64, bool)> {
    let text = |local: &Local| String::from_utf8(local.name.to_vec()).expect("ASCII");
    let locals = tree.locals();
    locals
        .iter()
        .map(|local| (text(local), local.etag.0, local.size, local.sealed))
        .collect()
}

#[test]
fn copies_are_found_again_under_whatever_name() {
    let home = TempDir::new();
    let mut tree = tree(&home);
    assert!(create(&mut tree, 1, "a"));
    assert!(create(&mut tree, 2, "d/e/b"));
    assert!(create(&mut tree, 3, "gone"));
    append(&mut tree, 1, b"abc");
    append(&mut tree, 1, b"d");
    append(&mut tree, 2, b"x");
    assert_eq!((tree.size(ETag(1)), tree.size(ETag(9))), (Some(4), None));
    assert_eq!(
        (tree.name(ETag(2)), tree.name(ETag(9))),
        ("d/e/b".into(), String::new())
    );
    assert!(apply(&mut tree, &Step::Seal(ETag(2), true)));
    assert_eq!(
        fs::metadata(home.join("d/e/b")).expect("a file").mode() & 0o222,
        0
    );
    tree.live = Some(ETag(1));
    tree.save().expect("records");
    assert_eq!(why(Tree::open(home.path(), URL)), "locked");
    drop(tree);
    // Somebody was at work meanwhile.
    home.rename("a", "d/c");
    fs::remove_file(home.join("gone")).expect("a file");
    let other = why(reopen(home.path(), "http://host/x/"));
    assert!(
        other.ends_with("is a mirror of http://host/d/ and not of http://host/x/"),
        "{other}"
    );
    let mut again = reopen(home.path(), URL).unwrap_or_else(|_| panic!("no mirror"));
    assert_eq!(
        of(&again),
        [("d/c".into(), 1, 4, false), ("d/e/b".into(), 2, 1, true)]
    );
    assert_eq!(again.live, Some(ETag(1)));
    assert!(apply(&mut again, &Step::Seal(ETag(2), false)));
    assert_eq!(
        fs::metadata(home.join("d/e/b")).expect("a file").mode() & 0o200,
        0o200
    );
    assert_eq!(of(&again)[1], ("d/e/b".into(), 2, 1, false));
}

/// A mirror of what is not there leaves no trace.
#[test]
fn nothing_is_made_before_it_is_wanted() {
    let home = TempDir::new();
    let path = home.join("new/mirror");
    let mut tree = Tree::open(&path, URL).unwrap_or_else(|_| panic!("no mirror"));
    tree.save().expect("nothing to do");
    assert!(!path.exists());
    tree.establish().unwrap_or_else(|_| panic!("no mirror"));
    assert!(path.join(".openrange-mirror").exists());
    tree.establish().unwrap_or_else(|_| panic!("twice"));
    home.write("file", "");
    let file = why(Tree::open(&home.join("file"), URL));
    assert!(file.ends_with("/file is not a directory"), "{file}");
}

#[test]
fn records_that_are_damaged() {
    for text in [
        "",
        "{}",
        "{\"url\":\"http://host/d/\"}",
        "{\"url\":\"http://host/d/\",\"files\":[{}]}",
        "{\"url\":\"http://host/d/\",\"files\":[{\"etag\":\"x\",\"name\":\"a\",\"inode\":1}]}",
    ] {
        let home = TempDir::with(".openrange-mirror", text);
        let told = why(reopen(home.path(), URL));
        assert!(
            told.ends_with("/.openrange-mirror is damaged"),
            "{text}: {told}"
        );
    }
}

/// A crash may have come between the record of a copy and the copy: then only its tag says that it is one.
#[test]
fn a_copy_that_was_about_to_be_made() {
    let home = TempDir::new();
    let mut first = tree(&home);
    let step = Step::Create(ETag(1), name("a"));
    first
        .announce(&[step, Step::Create(ETag(2), name("b"))])
        .expect("records");
    drop(first);
    home.write("a", "of somebody else");
    assert_eq!(of(&tree(&home)), []);
    assert_eq!(
        fs::read(home.join("a")).expect("a file"),
        b"of somebody else"
    );
}

#[test]
fn what_somebody_else_has_made_is_left_alone() {
    let home = TempDir::with("a", "foreign");
    home.write("file", "");
    let mut tree = tree(&home);
    assert!(tree.foreign()(b"a") && tree.foreign()(b"file/below"));
    assert!(!tree.foreign()(b"b") && !tree.foreign()(b"no/where"));
    assert!(!create(&mut tree, 1, "a"));
    assert!(!create(&mut tree, 2, "file/below"));
    assert_eq!(of(&tree), []);
    assert!(create(&mut tree, 3, "b"));
    assert!(!tree.foreign()(b"b"));
    assert!(!apply(&mut tree, &Step::Rename(ETag(3), name("a"))));
    assert!(!apply(&mut tree, &Step::Rename(ETag(3), name("file/b"))));
    assert!(!apply(&mut tree, &Step::Rename(ETag(9), name("c"))));
    assert_eq!(of(&tree), [("b".into(), 3, 0, false)]);
    assert_eq!(fs::read(home.join("a")).expect("a file"), b"foreign");
    assert!(apply(&mut tree, &Step::Refuse(name("a"))));
}

/// Directories are there for the copies that they have; what a crash has left of them is no obstacle.
#[test]
fn directories_without_files_of_others_give_way() {
    let home = TempDir::new();
    let mut tree = tree(&home);
    assert!(create(&mut tree, 1, "d/e/a") && create(&mut tree, 2, "b"));
    home.mkdir("d/empty");
    home.write("d/e/.openrange-moves", "");
    assert!(!tree.foreign()(b"d") && !tree.foreign()(b"d/e") && !tree.foreign()(b"b/x/y"));
    assert!(!apply(&mut tree, &Step::Rename(ETag(2), name("d"))));
    assert!(home.join("d/e/.openrange-moves").exists());
    assert!(apply(&mut tree, &Step::Rename(ETag(1), name("a"))));
    assert!(apply(&mut tree, &Step::Rename(ETag(2), name("d"))));
    home.mkdir("f/g");
    assert!(create(&mut tree, 3, "f"));
    assert!(home.join("d").is_file() && home.join("f").is_file());
    home.mkdir("h");
    symlink(home.path(), home.join("h/link")).expect("a link");
    assert!(tree.foreign()(b"h") && !create(&mut tree, 4, "h"));
    assert!(home.join("h/link").exists());
}

#[test]
fn copies_move_with_their_directories() {
    let home = TempDir::new();
    let mut tree = tree(&home);
    assert!(create(&mut tree, 1, "d/e/a"));
    assert!(create(&mut tree, 2, "d/b"));
    assert!(apply(&mut tree, &Step::Rename(ETag(1), name("f/a"))));
    assert!(home.join("f/a").exists() && !home.join("d/e").exists() && home.join("d/b").exists());
    assert!(apply(&mut tree, &Step::Remove(ETag(2))));
    assert!(!home.join("d").exists());
    assert!(apply(&mut tree, &Step::Remove(ETag(2))));
    assert_eq!(of(&tree), [("f/a".into(), 1, 0, false)]);
    // Somebody has removed it.
    fs::remove_dir_all(home.join("f")).expect("a directory");
    assert!(!apply(&mut tree, &Step::Rename(ETag(1), name("g"))));
    assert_eq!(of(&tree), []);
    assert!(create(&mut tree, 3, "x/y"));
    fs::remove_dir_all(home.join("x")).expect("a directory");
    assert!(apply(&mut tree, &Step::Remove(ETag(3))));
    assert_eq!(of(&tree), []);
}

/// Names never lead out of the directory, whatever somebody puts there.
#[test]
fn links_are_not_followed() {
    let (home, elsewhere) = (TempDir::new(), TempDir::with("a", "precious"));
    let mut tree = tree(&home);
    symlink(elsewhere.path(), home.join("link")).expect("a link");
    assert!(!create(&mut tree, 1, "link/new"));
    assert!(create(&mut tree, 2, "d/a"));
    assert!(!apply(&mut tree, &Step::Rename(ETag(2), name("link/b"))));
    fs::remove_dir_all(home.join("d")).expect("a directory");
    symlink(elsewhere.path(), home.join("d")).expect("a link");
    assert!(tree.append_to(ETag(2)).expect("no error").is_none());
    assert_eq!(of(&tree), [], "it is no copy any more");
    assert_eq!(fs::read(elsewhere.join("a")).expect("a file"), b"precious");
    assert_eq!(
        fs::read_dir(elsewhere.path()).expect("a directory").count(),
        1
    );
}

#[test]
fn appending() {
    let home = TempDir::new();
    let mut tree = tree(&home);
    assert!(create(&mut tree, 1, "a"));
    append(&mut tree, 1, b"abc");
    // Its length is what the file has, whoever wrote.
    home.write("a", "abcdef");
    let file = tree.append_to(ETag(1)).expect("a file").expect("a copy");
    assert_eq!(tree.size(ETag(1)), Some(6));
    assert_eq!(check_before(&file, 6), Some(Check::of(b"abcdef")));
    assert_eq!(check_before(&file, 3), Some(Check::of(b"abc")));
    assert_eq!(
        (check_before(&file, 0), check_before(&file, 7)),
        (None, None)
    );
    tree.truncate(ETag(1)).expect("an empty copy");
    assert_eq!(
        (
            tree.size(ETag(1)),
            fs::read(home.join("a")).expect("a file")
        ),
        (Some(0), vec![])
    );
    let long: Vec<u8> = (0..200).collect();
    append(&mut tree, 1, &long);
    let file = tree.append_to(ETag(1)).expect("a file").expect("a copy");
    assert_eq!(
        check_before(&file, 150),
        Some(Check::of(&long[150 - CHECKED..150]))
    );
    // Another file of the name is none of ours.
    fs::rename(home.join("a"), home.join("b")).expect("a name");
    home.write("a", "foreign");
    assert!(tree.append_to(ETag(1)).expect("no error").is_none());
    assert_eq!((of(&tree), tree.size(ETag(1))), (vec![], None));
    assert!(tree.append_to(ETag(9)).expect("no error").is_none());
    tree.grown(ETag(9), 5);
    tree.truncate(ETag(9)).expect("nothing to do");
    assert!(create(&mut tree, 2, "c"));
    fs::remove_file(home.join("c")).expect("a file");
    assert!(tree.append_to(ETag(2)).expect("no error").is_none());
    assert_eq!(of(&tree), []);
    // A sealed copy of an earlier time gives way to nobody.
    fs::set_permissions(home.join("b"), Permissions::from_mode(0o444)).expect("a mode");
    assert!(!create(&mut tree, 3, "b"));
}

fn further(tree: &Tree, etag: u64) -> Vec<String> {
    let locals = tree.locals();
    let local = locals.iter().find(|local| local.etag == ETag(etag));
    let names = local.expect("a copy").further.iter();
    let mut names: Vec<_> = names
        .map(|name| String::from_utf8(name.to_vec()).expect("ASCII"))
        .collect();
    names.sort();
    names
}

fn link(tree: &mut Tree, etag: u64, file: &str) -> bool {
    let step = Step::Link(ETag(etag), name(file));
    tree.announce(std::slice::from_ref(&step)).expect("records");
    apply(tree, &step)
}

#[test]
fn names_of_a_copy_are_known_again() {
    let home = TempDir::with("foreign", "mine");
    let mut first = tree(&home);
    assert!(create(&mut first, 1, "a"));
    assert!(link(&mut first, 1, "d/b") && link(&mut first, 1, "c"));
    assert!(!link(&mut first, 1, "foreign") && !link(&mut first, 9, "e"));
    assert_eq!(further(&first, 1), ["c", "d/b"]);
    assert!(!first.foreign()(b"c") && first.foreign()(b"foreign"));
    // A crash between an announcement and what was announced, and between a rename and the record of it.
    first
        .announce(&[Step::Link(ETag(1), name("e"))])
        .expect("records");
    drop(first);
    home.write("e", "of somebody else");
    home.rename("a", "z");
    fs::hard_link(home.join("c"), home.join("zz")).expect("a link");
    let mut again = tree(&home);
    assert_eq!(of(&again), [("z".into(), 1, 0, false)]);
    assert_eq!(further(&again, 1), ["c", "d/b"]);
    // Somebody has made this link.
    assert!(again.foreign()(b"zz") && again.foreign()(b"e"));
    assert!(apply(&mut again, &Step::Unlink(ETag(1), name("d/b"))));
    assert!(!home.join("d").exists());
    let relink = Step::Relink(ETag(1), name("c"), name("f/c"));
    again
        .announce(std::slice::from_ref(&relink))
        .expect("records");
    assert!(apply(&mut again, &relink));
    assert_eq!(further(&again, 1), ["f/c"]);
    assert!(home.join("f/c").exists() && !home.join("c").exists());
    assert!(apply(&mut again, &Step::Remove(ETag(1))));
    assert!(!home.join("z").exists() && !home.join("f").exists());
    assert!(home.join("zz").exists() && home.join("e").exists());
}

/// Whatever somebody does to the name that counts, the bytes stay under another one.
#[test]
fn a_copy_never_loses_its_last_name() {
    let home = TempDir::new();
    let mut tree = tree(&home);
    assert!(create(&mut tree, 1, "a"));
    assert!(link(&mut tree, 1, "b"));
    append(&mut tree, 1, b"abc");
    fs::remove_file(home.join("a")).expect("a file");
    assert!(!apply(&mut tree, &Step::Unlink(ETag(1), name("b"))));
    assert_eq!(of(&tree), [("b".into(), 1, 3, false)]);
    assert_eq!(fs::read(home.join("b")).expect("a copy"), b"abc");
    assert!(link(&mut tree, 1, "c"));
    fs::remove_file(home.join("b")).expect("a file");
    home.write("b", "foreign");
    assert!(tree.append_to(ETag(1)).expect("no error").is_none());
    assert_eq!(of(&tree), [("c".into(), 1, 3, false)]);
    append(&mut tree, 1, b"d");
    // A name that somebody has taken is not touched.
    assert!(link(&mut tree, 1, "e"));
    fs::remove_file(home.join("e")).expect("a file");
    home.write("e", "foreign");
    assert!(apply(&mut tree, &Step::Remove(ETag(1))));
    assert_eq!(fs::read(home.join("e")).expect("a file"), b"foreign");
    assert!(!home.join("c").exists());
}
