//! Which file a tag names: one file through whatever happens to it, and no other file ever.
//!
//! `OPENRANGE_REPLACEMENTS=100000` makes the long run.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::client::Client;
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::skip;

fn replacements() -> usize {
    std::env::var("OPENRANGE_REPLACEMENTS")
        .ok()
        .map_or(3000, |text| text.parse().expect("a number"))
}

/// The directory for temporary files, and one in memory if there is one.
fn places() -> Vec<PathBuf> {
    const TMPFS: u32 = 0x0102_1994;
    let memory = Path::new("/dev/shm");
    let mut places = vec![std::env::temp_dir()];
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers have 32 bits"
    )]
    match rustix::fs::statfs(memory) {
        Ok(stat) if stat.f_type as u32 == TMPFS => places.push(memory.into()),
        _ => skip("/dev/shm is no tmpfs"),
    }
    places
}

fn tag(client: &mut Client, target: &str) -> String {
    let answer = client.get(target, &[]);
    assert_eq!(answer.status, 200);
    answer.etag()
}

/// One way to put another file in the place of one.
type Replace = fn(&Path);

const WAYS: [(&str, Replace); 2] = [
    ("unlink and create", |path| {
        fs::remove_file(path).expect("unlink");
        fs::write(path, b"same").expect("create");
    }),
    ("rename over", |path| {
        let new = path.with_extension("new");
        fs::write(&new, b"same").expect("create");
        fs::rename(&new, path).expect("rename");
    }),
];

/// The inode number is given again at once, often within the same tick of the clock; the tag is not.
#[test]
fn another_file_has_another_tag() {
    for place in places() {
        let root = TempDir::below(&place);
        let path = root.join("log");
        fs::write(&path, b"same").expect("create");
        let server = Server::with(root.path(), &["--threads", "1"]);
        let mut client = server.connect();
        for (way, replace) in WAYS {
            let mut seen = HashSet::from([tag(&mut client, "/log")]);
            let mut reused = 0;
            for round in 0..replacements() {
                let inode = fs::metadata(&path).expect("a file").ino();
                replace(&path);
                reused += usize::from(fs::metadata(&path).expect("a file").ino() == inode);
                let tag = tag(&mut client, "/log");
                assert!(
                    seen.insert(tag),
                    "{way} in {}: seen before in round {round}",
                    place.display()
                );
            }
            println!(
                "{way} in {}: {reused} inode numbers at once again",
                place.display()
            );
        }
    }
}

/// What happens to one file, and the name that it has then.
type Happening = fn(&Path) -> &'static str;

const HAPPENINGS: [(&str, Happening); 9] = [
    ("append", |root| {
        append(&root.join("log"), b"more");
        "/log"
    }),
    ("touch", |root| {
        let past = SystemTime::now() - Duration::from_secs(100_000);
        let file = File::options()
            .write(true)
            .open(root.join("log"))
            .expect("a file");
        file.set_times(FileTimes::new().set_modified(past).set_accessed(past))
            .expect("touch");
        "/log"
    }),
    ("chmod", |root| {
        fs::set_permissions(root.join("log"), Permissions::from_mode(0o600)).expect("chmod");
        "/log"
    }),
    ("another link", |root| {
        fs::hard_link(root.join("log"), root.join("link")).expect("link");
        "/link"
    }),
    ("symbolic link", |root| {
        std::os::unix::fs::symlink("log", root.join("symlink")).expect("symlink");
        "/symlink"
    }),
    ("rename", |root| {
        fs::rename(root.join("log"), root.join("log.1")).expect("rename");
        "/log.1"
    }),
    ("into a directory", |root| {
        fs::create_dir(root.join("old")).expect("mkdir");
        fs::rename(root.join("log.1"), root.join("old/log.1")).expect("rename");
        "/old/log.1"
    }),
    ("rename of the directory", |root| {
        fs::rename(root.join("old"), root.join("older")).expect("rename");
        "/older/log.1"
    }),
    ("seal", |root| {
        fs::set_permissions(root.join("older/log.1"), Permissions::from_mode(0o444))
            .expect("chmod");
        "/older/log.1"
    }),
];

#[test]
fn one_file_keeps_its_tag() {
    for place in places() {
        let root = TempDir::below(&place);
        append(&root.join("log"), b"begin");
        let server = Server::with(root.path(), &["--threads", "2"]);
        let first = tag(&mut server.connect(), "/log");
        for (what, happen) in HAPPENINGS {
            let target = happen(root.path());
            let now = tag(&mut server.connect(), target);
            assert_eq!(now, first, "{what} in {}", place.display());
        }
    }
}

#[test]
fn tags_survive_the_server() {
    for place in places() {
        let root = TempDir::below(&place);
        let names: Vec<String> = (0..20).map(|n| format!("/log{n}")).collect();
        for name in &names {
            append(&root.join(&name[1..]), b"begin");
        }
        let all = |options: &[&str]| -> HashMap<String, String> {
            let server = Server::with(root.path(), options);
            let mut client = server.connect();
            let tags = names
                .iter()
                .map(|name| (name.clone(), tag(&mut client, name)));
            tags.collect()
        };
        let first = all(&[]);
        assert_eq!(first.values().collect::<HashSet<_>>().len(), names.len());
        append(&root.join("log0"), b"more");
        assert_eq!(all(&["--threads", "3", "--no-sandbox"]), first);
    }
}
