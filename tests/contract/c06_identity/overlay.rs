//! Files of an overlay's lower layer, which the first write copies to the upper layer.

use std::collections::HashSet;
use std::fs;

use crate::support::client::{Client, etag};
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::{is_root, skip};

/// With so many connections, each of two workers has one.
const CONNECTIONS: usize = 40;

/// From this version on, files of an overlay have handles, and it tells its UUID.
const KERNEL_THAT_TELLS: (u32, u32) = (6, 9);

fn kernel() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a version");
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse().ok());
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next())
}

/// A directory with two names of one file, and another file, all in the lower layer.
fn layers() -> TempDir {
    let root = TempDir::new();
    for name in ["lower", "upper", "work", "root"] {
        fs::create_dir(root.join(name)).expect("mkdir");
    }
    append(&root.join("lower/log"), b"begin\n");
    append(&root.join("lower/one"), b"begin\n");
    fs::hard_link(root.join("lower/one"), root.join("lower/two")).expect("a link");
    root
}

fn mount(root: &TempDir) -> String {
    format!(
        "cd {}; mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root",
        root.path().display()
    )
}

/// The tags that workers give a file: to HEAD, and to tails.
fn tags(server: &Server, target: &str) -> HashSet<String> {
    let tag = |number| match number % 2 {
        0 => etag(server, target),
        _ => Client::new(server)
            .tail(target, &["Range: bytes=0-"])
            .etag(),
    };
    (0..CONNECTIONS).map(tag).collect()
}

/// Tags before the copy, and after it while a tail is open, which gets all bytes.
fn copied(root: &TempDir, server: &Server) -> [HashSet<String>; 2] {
    let inside = server.running.path_inside(&root.join("root"));
    let mut tail = server.tail("/log", 0);
    let before = tags(server, "/log");
    append(&inside.join("log"), b"more\n");
    let after = tags(server, "/log");
    append(&inside.join("log"), b"last\n");
    tail.wait_for(b"begin\nmore\nlast\n".len());
    assert_eq!(tail.body, b"begin\nmore\nlast\n");
    assert_eq!(tags(server, "/log"), after);
    [before, after]
}

/// Where the kernel does not tell of which lower file a copy was made, it is another file, but for all workers.
#[test]
fn every_worker_gives_a_copy_the_same_tag() {
    let root = layers();
    let options = ["--threads", "2", "--poll-interval", "50"];
    let server = match Server::in_namespace(&mount(&root), root.join("root"), &options) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no overlay: {}", why.trim())),
    };
    let [before, after] = copied(&root, &server);
    assert_eq!((before.len(), after.len()), (1, 1), "{before:?} {after:?}");
}

/// Where it does tell, that is the same file, until another one has its name.
#[test]
fn a_copy_is_the_file_that_was_copied() {
    if !is_root() {
        return skip("only root can mount an overlay whose files have handles");
    }
    let root = layers();
    let options = ["--threads", "2", "--poll-interval", "50"];
    let server = match Server::in_mount_namespace(&mount(&root), root.join("root"), &options) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no overlay: {}", why.trim())),
    };
    let inside = server.running.path_inside(&root.join("root"));
    let [before, after] = copied(&root, &server);
    assert_eq!((before.len(), after.len()), (1, 1), "{before:?} {after:?}");
    if before != after {
        assert!(KERNEL_THAT_TELLS > kernel(), "{before:?} {after:?}");
        return skip("this kernel does not tell of which file of an overlay a copy was made");
    }

    fs::rename(inside.join("log"), inside.join("log.1")).expect("rename");
    append(&inside.join("log"), b"begin\nmore\nlast\n");
    assert_eq!(tags(&server, "/log.1"), after);
    let new = tags(&server, "/log");
    assert!(new.len() == 1 && new.is_disjoint(&after), "{new:?}");

    // The copy of one name is no longer the file that the other name has.
    assert_eq!(tags(&server, "/one"), tags(&server, "/two"));
    append(&inside.join("one"), b"more\n");
    let [one, two] = ["/one", "/two"].map(|target| tags(&server, target));
    assert!(one.is_disjoint(&two), "{one:?} {two:?}");
}

/// Two containers of one image: what each makes of a file of the image is a file of its own.
#[test]
fn copies_of_two_overlays_are_two_files() {
    if !is_root() {
        return skip("only root can mount an overlay whose files have handles");
    }
    let root = TempDir::new();
    for name in [
        "lower", "root/a", "root/b", "a/upper", "a/work", "b/upper", "b/work",
    ] {
        fs::create_dir_all(root.join(name)).expect("mkdir");
    }
    append(&root.join("lower/log"), b"begin\n");
    let layers = |name| format!("lowerdir=lower,upperdir={name}/upper,workdir={name}/work");
    let script = format!(
        "cd {}; mount -t overlay a -o {} root/a; mount -t overlay b -o {} root/b",
        root.path().display(),
        layers("a"),
        layers("b")
    );
    let server = match Server::in_mount_namespace(&script, root.join("root"), &[]) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no overlay: {}", why.trim())),
    };
    let inside = server.running.path_inside(&root.join("root"));
    for name in ["a", "b"] {
        append(&inside.join(name).join("log"), name.as_bytes());
    }
    let [a, b] = ["/a/log", "/b/log"].map(|target| etag(&server, target));
    assert_ne!(a, b);
    let condition = format!("If-Match: {a}");
    assert_eq!(server.get("/b/log", &[&condition]).status, 412);
}
