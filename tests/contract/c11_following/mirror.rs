//! `openrange mirror`: the same files under the same names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use super::{Running, contents, rotate, run, unix_url, url};
use crate::support::harness::{Server, TempDir, eventually};

/// Between two looks at all files, which may be thousands.
const LOOK: Duration = Duration::from_millis(20);
/// Longer than a mirror takes that lists a large directory every 15 seconds, and waits for 10 more until two lists say the same.
const SAME_MAX: Duration = Duration::from_secs(60);

/// Waits as long until a mirror says that it has caught up.
pub fn caught_up(mirror: &Running) {
    let start = Instant::now();
    while !mirror.err().contains("caught up") {
        assert!(start.elapsed() < SAME_MAX, "{}", mirror.err());
        thread::sleep(LOOK);
    }
}

pub fn same(origin: &TempDir, mirror: &TempDir) {
    let start = Instant::now();
    loop {
        let [from, to] = [origin, mirror].map(|directory| contents(directory.path()));
        if from == to {
            return;
        }
        if start.elapsed() > SAME_MAX {
            let [only_there, only_here] = [(&from, &to), (&to, &from)]
                .map(|(one, other)| one.iter().find(|file| !other.contains(file)));
            panic!("{only_there:?} of the origin, {only_here:?} of the mirror");
        }
        thread::sleep(LOOK);
    }
}

#[test]
fn a_directory_and_everything_that_appears_in_it() {
    let root = TempDir::with("a", "of a\n");
    root.write("empty", "");
    root.write("name with % and ü", "x\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = Running::start(&[
        "mirror",
        "--delete",
        &url(&server, "/"),
        copy.path().to_str().expect("UTF-8"),
    ]);
    same(&root, &copy);
    root.append("a", "more\n");
    root.write("b", "new\n");
    same(&root, &copy);
    for roll in 0..5 {
        root.append("a", format!("last of {roll}\n"));
        rotate(&root, "a");
        root.append("a.1", format!("late {roll}\n"));
        root.write("a", format!("first of {roll}\n"));
    }
    same(&root, &copy);
    root.chmod("a.2", 0o444);
    eventually("a seal", || {
        let mode = fs::metadata(copy.join("a.2")).map(|file| file.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o222 == 0)
    });
    root.remove("b");
    same(&root, &copy);
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn renames_are_made_up_for_after_an_absence() {
    let root = TempDir::new();
    for name in ["a", "b", "c", "d"] {
        root.write(name, name);
    }
    let server = Server::start(&root);
    let copy = TempDir::new();
    let arguments = [
        "mirror",
        "--until-caught-up",
        &url(&server, "/"),
        copy.path().to_str().expect("UTF-8"),
    ];
    assert_eq!(run(&arguments).0, Some(0));
    let inode = |name: &str| {
        fs::metadata(copy.join(name))
            .map(|file| std::os::unix::fs::MetadataExt::ino(&file))
            .ok()
    };
    let before = (inode("a"), inode("b"), inode("c"), inode("d"));
    // A circle, and a chain.
    root.rename("a", "x");
    root.rename("b", "a");
    root.rename("c", "b");
    root.rename("x", "c");
    root.rename("d", "e");
    root.append("a", " and more");
    assert_eq!(run(&arguments).0, Some(0));
    same(&root, &copy);
    assert_eq!(before, (inode("c"), inode("a"), inode("b"), inode("e")));
}

#[test]
fn what_the_origin_removes_stays_unless_it_is_to_go() {
    let root = TempDir::with("a", "a");
    root.write("b", "b");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let origin = url(&server, "/");
    let directory = copy.path().to_str().expect("UTF-8");
    assert_eq!(
        run(&["mirror", "--until-caught-up", &origin, directory]).0,
        Some(0)
    );
    root.remove("b");
    assert_eq!(
        run(&["mirror", "--until-caught-up", &origin, directory]).0,
        Some(0)
    );
    assert!(copy.join("b").exists());
    assert_eq!(
        run(&[
            "mirror",
            "--until-caught-up",
            "--delete",
            &origin,
            directory
        ])
        .0,
        Some(0)
    );
    assert!(!copy.join("b").exists());
}

#[test]
fn files_of_others_are_left_alone_and_named() {
    let root = TempDir::with("a", "of the origin");
    root.write("b", "b");
    let server = Server::start(&root);
    let copy = TempDir::with("a", "of somebody else");
    copy.write("other", "x");
    let arguments = [
        "mirror",
        "--delete",
        "--until-caught-up",
        &url(&server, "/"),
        copy.path().to_str().expect("UTF-8"),
    ];
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("a exists already"), "{err}");
    let expected = [("a", "of somebody else"), ("b", "b"), ("other", "x")];
    let expected = expected.map(|(name, text)| (name.to_string(), text.as_bytes().to_vec()));
    assert_eq!(contents(copy.path()), expected);
}

#[test]
fn a_second_mirror_is_refused() {
    let root = TempDir::with("a", "a");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let arguments = [
        "mirror",
        &url(&server, "/"),
        copy.path().to_str().expect("UTF-8"),
    ];
    let first = Running::start(&arguments);
    same(&root, &copy);
    assert_eq!(run(&arguments).0, Some(4));
    drop(first);
    let other = [
        "mirror",
        "http://127.0.0.1:1/",
        copy.path().to_str().expect("UTF-8"),
    ];
    assert_eq!(run(&other).0, Some(1));
}

#[test]
fn a_chain_announces_the_tags_of_the_origin() {
    let root = TempDir::with("log", "a\n");
    let (second, third) = (TempDir::new(), TempDir::new());
    let server = Server::start(&root);
    let middle = Server::with(&second, &["--tags", "xattr"]);
    let last = Server::with(&third, &["--tags", "xattr"]);
    let path = |dir: &TempDir| dir.path().to_str().expect("UTF-8").to_owned();
    let _one = Running::start(&["mirror", &url(&server, "/"), &path(&second)]);
    let _two = Running::start(&["mirror", &url(&middle, "/"), &path(&third)]);
    same(&root, &third);
    let tag = |server: &Server| server.get("/log", &[]).field("etag").to_owned();
    if rustix::fs::getxattr(second.join("log"), "user.openrange.tag", &mut [0; 32][..]).is_err() {
        return crate::support::machine::skip("this file system has no user attributes");
    }
    assert_eq!((tag(&middle), tag(&last)), (tag(&server), tag(&server)));
    // A position of the origin holds at the end of the chain.
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let follow = Running::start(&["follow", &url(&last, "/log")]);
    follow.has("a\n");
    root.append("log", "b\n");
    rotate(&root, "log");
    root.write("log", "c\n");
    follow.has("a\nb\nc\n");
    same(&root, &third);
    assert_eq!(tag(&last), tag(&server));
    assert_eq!(
        run(&[
            "follow",
            "--state",
            state,
            "--until-caught-up",
            &url(&server, "/log")
        ])
        .0,
        Some(0)
    );
}

#[test]
fn one_file_with_its_generations() {
    let root = TempDir::with("log", "a\n");
    root.write("log.1", "older\n");
    root.write("other", "x");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = Running::start(&[
        "mirror",
        &url(&server, "/log"),
        copy.path().to_str().expect("UTF-8"),
    ]);
    eventually("a copy", || {
        contents(copy.path()) == [("log".to_string(), b"a\n".to_vec())]
    });
    root.append("log", "b\n");
    rotate(&root, "log");
    root.append("log.1", "late\n");
    root.write("log", "c\n");
    let expected = [("log", "c\n"), ("log.1", "a\nb\nlate\n")];
    let expected = expected.map(|(name, text)| (name.to_string(), text.as_bytes().to_vec()));
    eventually(&format!("{:?}", mirror.err()), || {
        contents(copy.path()) == expected
    });
}

#[test]
fn many_topics_take_one_thread_and_few_connections() {
    let root = TempDir::new();
    for topic in 0..300 {
        root.write(&format!("topic-{topic}"), format!("{topic}\n"));
    }
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = Running::start(&[
        "mirror",
        &url(&server, "/"),
        copy.path().to_str().expect("UTF-8"),
    ]);
    same(&root, &copy);
    for topic in 0..300 {
        root.append(&format!("topic-{topic}"), "more\n");
    }
    same(&root, &copy);
    let task = format!("/proc/{}", mirror.child.id());
    let count = |what: &str| {
        fs::read_dir(format!("{task}/{what}"))
            .expect("a process")
            .count()
    };
    assert_eq!(count("task"), 1);
    assert!(count("fd") < 40, "{} descriptors", count("fd"));
}

/// The copy of what the origin has compressed is in nobody's list any more. Whatever needs its name gets it.
#[test]
fn one_file_whose_earlier_generations_are_compressed() {
    for (delete, kept) in [(&[][..], true), (&["--delete"][..], false)] {
        let root = TempDir::with("log", "1\n");
        let server = Server::start(&root);
        let copy = TempDir::new();
        let url = url(&server, "/log");
        let to = copy.path().to_str().expect("UTF-8");
        let mirror = Running::start(&[&["mirror"][..], delete, &[&url, to]].concat());
        let has = |name: &str, text: &str| {
            eventually(&format!("{name} in {:?}", contents(copy.path())), || {
                fs::read_to_string(copy.join(name)).is_ok_and(|there| there == text)
            });
        };
        has("log", "1\n");
        rotate(&root, "log");
        root.write("log", "2\n");
        has("log", "2\n");
        root.write("log.1.gz", "compressed");
        root.remove("log.1");
        for text in ["3\n", "4\n"] {
            root.rename("log.1.gz", "log.2.gz");
            rotate(&root, "log");
            root.write("log", text);
            has("log", text);
            root.write("log.1.gz", text);
            root.remove("log.1");
        }
        has("log.1", "3\n");
        eventually("the first one is kept, or removed", || {
            let mut there = contents(copy.path()).into_iter();
            there.any(|(_, text)| text == b"1\n") == kept
        });
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

/// The tag is the same, and the file is as long as its copy, or longer: only the bytes before tell.
#[test]
fn a_file_that_was_written_over_while_the_mirror_was_away() {
    for (path, sealed) in [("/", false), ("/", true), ("/log", false), ("/log", true)] {
        for text in ["new line\nand another\n", "new line\n"] {
            let root = TempDir::with("log", "old line\n");
            let server = Server::start(&root);
            let copy = TempDir::new();
            let url = url(&server, path);
            let to = copy.path().to_str().expect("UTF-8");
            let mirror = ["mirror", "--until-caught-up", &url, to];
            assert_eq!(run(&mirror).0, Some(0));
            root.write("log", text);
            if sealed {
                root.chmod("log", 0o444);
            }
            let (code, _, err) = run(&mirror);
            assert_eq!(code, Some(0), "{err}");
            assert!(err.contains("log was truncated or overwritten"), "{err}");
            same(&root, &copy);
            // Nothing has happened since.
            let (_, _, err) = run(&mirror);
            assert!(!err.contains("overwritten"), "{err}");
        }
    }
}

/// Nobody saw the truncation, so the file has its tag still.
#[test]
fn a_file_that_is_shorter_than_its_copy_begins_again() {
    for (path, text) in [("/", "new\n"), ("/log", "new\n"), ("/", ""), ("/log", "")] {
        let root = TempDir::with("log", "an old line\n");
        let (home, copy) = (TempDir::new(), TempDir::new());
        let socket = home.join("socket");
        let listen = format!("unix:{}", socket.display());
        let serve = || Server::with(&root, &["--listen", &listen]);
        let server = serve();
        let url = unix_url(&socket, path);
        let to = copy.path().to_str().expect("UTF-8");
        let mirror = ["mirror", "--until-caught-up", &url, to];
        assert_eq!(run(&mirror).0, Some(0));
        drop(server);
        root.write("log", text);
        let _server = serve();
        let (code, _, err) = run(&mirror);
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("its copy begins again"), "{err}");
        same(&root, &copy);
    }
}

#[test]
fn of_a_directory_too_large_for_a_stream_lists_tell() {
    let root = TempDir::in_memory();
    (0..=openrange::limits::LISTING_MAX).for_each(|file| root.write(&file.to_string(), ""));
    let server = Server::start(&root);
    let copy = TempDir::in_memory();
    let url = url(&server, "/");
    let mirror = Running::start(&["mirror", &url, copy.path().to_str().expect("UTF-8")]);
    caught_up(&mirror);
    same(&root, &copy);
    // Whichever the stream leaves out.
    for file in 0..=openrange::limits::LISTING_MAX {
        root.append(&file.to_string(), "x");
    }
    root.write("new", "new\n");
    same(&root, &copy);
    assert!(!mirror.err().contains("more entries"), "{}", mirror.err());
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// Traced, where strace is installed: each copy that grew is flushed, and at the end there is nothing that was not.
#[test]
fn copies_are_flushed_if_that_is_wanted() {
    let root = TempDir::with("a", "of a\n");
    root.write("b", "of b\n");
    let server = Server::start(&root);
    let home = TempDir::new();
    let (trace, copies) = (home.join("trace"), home.join("copies"));
    let [trace, copies] = [&trace, &copies].map(|path| path.to_str().expect("UTF-8"));
    let flushed = |more: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_openrange");
        let mut command = std::process::Command::new("strace");
        command.args([
            "-f",
            "-y",
            "-e",
            "trace=fdatasync",
            "-o",
            trace,
            binary,
            "mirror",
        ]);
        let origin = url(&server, "/");
        command
            .args(more)
            .args(["--until-caught-up", &origin, copies]);
        let Ok(status) = command.status() else {
            return None;
        };
        assert!(status.success(), "{status:?}");
        let trace = fs::read_to_string(trace).expect("a trace");
        Some(["a", "b"].map(|name| trace.contains(&format!("/copies/{name}>"))))
    };
    let Some(plain) = flushed(&[]) else {
        eprintln!("skipped: no strace");
        return;
    };
    assert_eq!(plain, [false, false]);
    root.append("a", "more\n");
    assert_eq!(flushed(&["--fsync"]), Some([true, false]));
}

#[test]
fn it_says_once_that_it_has_caught_up() {
    let root = TempDir::with("a", "of a\n");
    root.write("b", "of b, too\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let directory = copy.path().display().to_string();
    let mirror = Running::start(&["mirror", &url(&server, "/"), &directory]);
    mirror.says("caught up (2 files, 15 bytes)");
    root.append("a", "more\n");
    root.write("c", "new\n");
    same(&root, &copy);
    assert_eq!(mirror.err().matches("caught up").count(), 1);
    assert_eq!(mirror.stop().0.code(), Some(0));
}
