//! Files with several names, by hard or symbolic links: their copies have the same ones.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;

use super::unending::{Then, document, origin};
use super::{Running, run, url};
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::machine::{in_namespace, succeeds};
use crate::support::random::Random;

/// What is visible below a directory: of each name the contents, and the first name of the same file.
type Names = BTreeMap<String, (Vec<u8>, String)>;

fn names(root: &Path) -> Names {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for entry in entries {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("below").display();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            // Links are followed: a server shows what they lead to.
            match fs::metadata(&path) {
                Ok(file) if !hidden && file.is_dir() => directories.push(path),
                Ok(file) if !hidden => {
                    let bytes = fs::read(&path).unwrap_or_default();
                    files.insert(name.to_string(), (bytes, (file.dev(), file.ino())));
                }
                _ => {}
            }
        }
    }
    let mut first = BTreeMap::new();
    for (name, (_, file)) in &files {
        first.entry(*file).or_insert_with(|| name.clone());
    }
    let of = |(name, (bytes, file))| (name, (bytes, first[&file].clone()));
    files.into_iter().map(of).collect()
}

fn same(origin: &TempDir, copy: &TempDir, what: &str) {
    eventually(what, || names(origin.path()) == names(copy.path()));
}

fn path(directory: &TempDir) -> String {
    directory.path().display().to_string()
}

fn mirror(server: &Server, copy: &TempDir, options: &[&str]) -> Running {
    let to = [&*url(server, "/"), &path(copy)].map(str::to_owned);
    let to = [to[0].as_str(), to[1].as_str()];
    Running::start(&[&["mirror"][..], options, &to].concat())
}

fn link(root: &TempDir, from: &str, to: &str) {
    fs::hard_link(root.join(from), root.join(to)).expect("a link");
}

/// Like `ln -sf`.
fn point(root: &TempDir, target: &str, name: &str) {
    root.symlink(target, ".link");
    root.rename(".link", name);
}

/// Like `ln -f`.
fn link_over(root: &TempDir, from: &str, to: &str) {
    link(root, from, ".link");
    root.rename(".link", to);
    // A rename to a name of the same file does nothing.
    let _ = fs::remove_file(root.join(".link"));
}

#[test]
fn copies_have_all_names_and_follow_them() {
    for options in [&[][..], &["--delete"], &["--recursive", "--delete"]] {
        let root = TempDir::with("a", "of a\n");
        root.write("b", "of b\n");
        link(&root, "a", "hard");
        root.symlink("b", "soft");
        let server = Server::start(&root);
        let copy = TempDir::new();
        let mirror = mirror(&server, &copy, options);
        same(&root, &copy, "the first copies");
        let tag = |name: &str| {
            let mut value = [0; 32];
            rustix::fs::getxattr(copy.join(name), "user.openrange.tag", &mut value[..])
                .map(|length| value[..length].to_vec())
        };
        assert_eq!(tag("a"), tag("hard"));
        root.append("hard", "more\n");
        same(&root, &copy, "a line");
        link(&root, "b", "later");
        same(&root, &copy, "a name that comes");
        point(&root, "a", "soft");
        same(&root, &copy, "a name that leads to another file");
        link_over(&root, "a", "later");
        same(&root, &copy, "that of a hard link");
        root.rename("b", "elsewhere");
        point(&root, "elsewhere", "soft");
        same(&root, &copy, "a target that is renamed");
        root.remove("a");
        same(&root, &copy, "a name that goes");
        root.rename("hard", "harder");
        root.write("hard", "another\n");
        same(&root, &copy, "a file that takes a name");
        let said = mirror.err();
        assert!(!said.contains("left"), "{said}");
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

#[test]
fn files_may_swap_their_names() {
    let root = TempDir::with("a", "of a\n");
    root.write("b", "of b\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let swap = |one: &str, other: &str| {
        root.rename(one, ".swap");
        root.rename(other, one);
        root.rename(".swap", other);
    };
    link(&root, "a", "c");
    link(&root, "b", "d");
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = ["mirror", "--until-caught-up", &from, &to];
    for pairs in [
        &[("a", "b")][..],
        &[("c", "d")],
        &[("a", "d"), ("b", "c")],
        &[],
    ] {
        let (code, _, err) = run(&arguments);
        assert_eq!(code, Some(0), "{err}");
        assert!(!err.contains("left"), "{err}");
        assert_eq!(names(root.path()), names(copy.path()));
        pairs.iter().for_each(|(one, other)| swap(one, other));
    }
}

#[test]
fn a_log_that_is_rolled_by_links_ends_as_at_the_origin() {
    for options in [&["--delete"][..], &["--recursive", "--delete"]] {
        let root = TempDir::with("log", "0\n");
        let server = Server::start(&root);
        let copy = TempDir::new();
        let mirror = mirror(&server, &copy, options);
        same(&root, &copy, "the first copy");
        let served = Server::with(&copy, &["--tags", "xattr"]);
        let follow = Running::start(&["follow", &url(&served, "/log")]);
        follow.has("0\n");
        let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino());
        let mut all = "0\n".to_owned();
        for roll in 1..5 {
            let before = inode("log").expect("a copy");
            for number in (1..roll).rev() {
                root.rename(&format!("log.{number}"), &format!("log.{}", number + 1));
            }
            link(&root, "log", "log.1");
            if roll % 2 == 0 {
                same(&root, &copy, "a log with two names");
            }
            root.append("log", format!("last {roll}\n"));
            root.remove("log");
            root.append("log.1", format!("late {roll}\n"));
            root.append_new("log", format!("{roll}\n"));
            same(&root, &copy, "a roll");
            assert_eq!(inode("log.1").expect("a copy"), before);
            all += &format!("last {roll}\nlate {roll}\n{roll}\n");
            follow.has(&all);
        }
        // One generation is all that is kept.
        link_over(&root, "log", "log.1");
        root.remove("log");
        root.append_new("log", "after\n");
        same(&root, &copy, "a roll over another generation");
        follow.has(&(all + "after\n"));
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

#[test]
fn a_copy_and_an_unlink_make_another_file() {
    let root = TempDir::with("log", "first\n");
    link(&root, "log", "current");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy, &["--delete"]);
    same(&root, &copy, "the first copy");
    fs::copy(root.join("log"), root.join("log.1")).expect("a copy");
    root.remove("log");
    root.append_new("log", "second\n");
    same(&root, &copy, "a log that was copied");
    link_over(&root, "log", "current");
    same(&root, &copy, "the name that leads to the new one");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn without_delete_a_file_keeps_its_last_names() {
    let root = TempDir::with("a", "of a\n");
    link(&root, "a", "b");
    link(&root, "a", "c");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy, &[]);
    same(&root, &copy, "the first copies");
    root.remove("a");
    same(&root, &copy, "a name that goes while the file stays");
    let kept = names(copy.path());
    root.remove("b");
    root.remove("c");
    root.write("later", "later\n");
    eventually("the next file", || copy.join("later").exists());
    for (name, (bytes, _)) in &kept {
        assert_eq!(fs::read(copy.join(name)).expect("a copy"), *bytes, "{name}");
    }
    // A new file takes one of its names, and then the other.
    for name in ["c", "b"] {
        root.write(name, "new\n");
        eventually("the new file", || {
            fs::read(copy.join(name)).is_ok_and(|bytes| bytes == b"new\n")
        });
        let mut now = names(copy.path()).into_values();
        assert!(now.any(|(bytes, _)| bytes == b"of a\n"), "{name}");
    }
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn names_across_directories() {
    let root = TempDir::with("top", "of the root\n");
    root.mkdir("m");
    root.mkdir("z/deep");
    root.write("m/log", "of m\n");
    root.symlink("m", "a");
    link(&root, "m/log", "z/deep/log");
    link(&root, "top", "m/top");
    let server = Server::start(&root);
    let (copy, third) = (TempDir::new(), TempDir::new());
    let options = ["--recursive", "--delete"];
    let second = mirror(&server, &copy, &options);
    let served = Server::with(&copy, &["--tags", "xattr"]);
    let chained = mirror(&served, &third, &options);
    let same_everywhere = |what: &str| {
        same(&root, &copy, what);
        same(&root, &third, what);
    };
    same_everywhere("the first copies");
    root.append("z/deep/log", "more\n");
    same_everywhere("a line");
    root.rename("m/log", "z/log");
    same_everywhere("a name that moves");
    root.remove("top");
    same_everywhere("a name that goes");
    link(&root, "m/top", "z/top");
    root.remove("a");
    same_everywhere("a link to a directory that goes");
    root.rename("z/deep", "m/deep");
    same_everywhere("a directory that moves");
    assert_eq!(chained.stop().0.code(), Some(0));
    assert_eq!(second.stop().0.code(), Some(0));
}

#[test]
fn a_name_that_somebody_else_has_is_left_alone() {
    let root = TempDir::with("a", "of a\n");
    link(&root, "a", "b");
    link(&root, "a", "c");
    let server = Server::start(&root);
    let copy = TempDir::with("a", "mine\n");
    copy.write("c", "mine too\n");
    let mirror = mirror(&server, &copy, &["--delete"]);
    for name in ["a", "c"] {
        mirror.says(&format!(
            "{name} exists already and is not a copy: it is left alone"
        ));
    }
    eventually("the name that is free", || {
        fs::read(copy.join("b")).is_ok_and(|bytes| bytes == b"of a\n")
    });
    root.remove("a");
    root.remove("c");
    root.write("later", "later\n");
    eventually("the next file", || copy.join("later").exists());
    assert_eq!(fs::read(copy.join("a")).expect("a file"), b"mine\n");
    assert_eq!(fs::read(copy.join("c")).expect("a file"), b"mine too\n");
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn a_mirror_that_is_killed_knows_its_names_again() {
    let root = TempDir::new();
    let mut random = Random::new(7);
    root.write("0", "0\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mut running = mirror(&server, &copy, &["--delete"]);
    let mut file = 0;
    for round in 0..60 {
        for _ in 0..8 {
            let present: Vec<String> = names(root.path()).into_keys().collect();
            let mut pick = || present[random.below(present.len() as u64) as usize].clone();
            let (one, other) = (pick(), pick());
            let name = format!("{}", random.below(12));
            match random.below(6) {
                0 if present.len() > 2 => root.remove(&one),
                1 => root.rename(&one, &name),
                2 => {
                    file += 1;
                    root.write(".new", format!("{file}\n"));
                    root.rename(".new", &name);
                }
                3 => root.append(&one, "more\n"),
                _ if other != name => link_over(&root, &other, &name),
                _ => {}
            }
        }
        if round % 3 == 2 {
            same(&root, &copy, &format!("round {round}: {}", running.err()));
        }
        running.signal(Signal::KILL);
        let (_, _, said) = running.end();
        assert!(!said.contains("left"), "{said}");
        running = mirror(&server, &copy, &["--delete"]);
    }
    same(&root, &copy, "the end");
    running.says("caught up");
    assert_eq!(running.stop().0.code(), Some(0));
}

/// Names on another file system are left out, as before there were links.
#[test]
fn names_that_cannot_be_had_are_left_out_in_one_line() {
    in_namespace(
        module_path!(),
        "names_that_cannot_be_had_are_left_out_in_one_line",
        || {
            let root = TempDir::with("log", "a line\n");
            root.mkdir("mounted");
            link(&root, "log", "mounted/log");
            link(&root, "log", "near");
            let server = Server::start(&root);
            let copy = TempDir::new();
            copy.mkdir("mounted");
            let mounted = copy.join("mounted").display().to_string();
            assert!(succeeds("mount", &["-t", "tmpfs", "tmpfs", &mounted]));
            let mirror = mirror(&server, &copy, &["--recursive", "--delete"]);
            let line = "mounted/log is left out: it is another name of log\n";
            mirror.says(line);
            eventually("the name that can be had", || copy.join("near").exists());
            // The copy moves there: its bytes go with it, and the names that lead elsewhere go.
            root.write("other", "later\n");
            eventually("the next file", || copy.join("other").exists());
            root.remove("log");
            root.append("near", "more\n");
            root.rename("near", "mounted/near");
            eventually("the way there", || {
                let there = fs::read(copy.join("mounted/near"))
                    .or_else(|_| fs::read(copy.join("mounted/log")));
                there.is_ok_and(|bytes| bytes == b"a line\nmore\n")
            });
            eventually("the end of the others", || {
                !copy.join("near").exists() && !copy.join("log").exists()
            });
            assert_eq!(mirror.err().matches(line).count(), 1, "{}", mirror.err());
            assert_eq!(mirror.stop().0.code(), Some(0));
        },
    );
}

#[test]
fn a_link_that_leads_in_a_circle_makes_no_names() {
    let root = TempDir::with("log", "a line\n");
    root.mkdir("below");
    root.symlink(".", "circle");
    root.symlink("..", "below/up");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = ["mirror", "--recursive", "--until-caught-up", &from, &to];
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("circle/log is left out"), "{err}");
    assert_eq!(names(copy.path()).len(), 1, "{:?}", names(copy.path()));
}

/// An origin whose list names a file that it does not give, for a while.
#[test]
fn a_file_that_is_listed_and_not_there_is_reported_once() {
    const TAG: &str = "W/\\\"0123456789abcdef\\\"";
    let asked = AtomicUsize::new(0);
    let from = origin(move |head| {
        if !head.starts_with("GET /log ") {
            let (text, then) = document(&format!(
                "{{\"path\":\"/\",\"truncated\":false,\"entries\":[{{\"path\":\"log\",\"kind\":\"file\",\"size\":6,\
                 \"etag\":\"{TAG}\"}}]}}"
            ));
            return match head.contains("event-stream") {
                true => (
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
                    then,
                ),
                false => (text, then),
            };
        }
        if asked.fetch_add(1, Ordering::SeqCst) < 5 {
            let text = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            return (text.into(), Then::Next);
        }
        let (text, then) = document("right\n");
        let head = "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nContent-Range: bytes 0-5/6\r\n";
        (text.replace("HTTP/1.1 200 OK\r\n", head), then)
    });
    let copy = TempDir::new();
    let mirror = Running::start(&["mirror", &format!("{from}/"), &path(&copy)]);
    mirror.says("log is there again");
    assert_eq!(fs::read(copy.join("log")).expect("a copy"), b"right\n");
    let said = mirror.err();
    let line = "log: 404, although the list has it; trying again";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert_eq!(said.matches("log is there again").count(), 1, "{said}");
}
