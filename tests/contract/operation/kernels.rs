//! Kernels that lack a system call, and containers that forbid one: the contract holds all the same. (How names are
//! resolved without openat2 has all the tables of `paths` to itself.)

use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::skip;
use crate::support::random::Random;
use crate::support::seccomp::Lack;
use crate::support::tail::{End, Tail};

/// What fails, with which error, and what the log says of it.
struct Row(&'static [Lack], Option<&'static str>);

const NO_STATX: Option<&str> = Some("statx(2) is refused here");
const NO_INSTANCE: Option<&str> = Some("no inotify instance");
const NO_WATCHES: Option<&str> = Some("cannot watch every file");
const NOT_TOLD: Option<&str> = Some("may not report every write");
const NO_LANDLOCK: Option<&str> = Some("no Landlock");

const NAMES: &[Row] = &[
    // Before Linux 5.6; containers with an old list of allowed calls.
    Row(&[(libc::SYS_openat2, libc::ENOSYS)], None),
    Row(&[(libc::SYS_openat2, libc::EPERM)], None),
    // Before Linux 4.11; the same containers.
    Row(&[(libc::SYS_statx, libc::ENOSYS)], NO_STATX),
    Row(&[(libc::SYS_statx, libc::EPERM)], NO_STATX),
];

const WATCHES: &[Row] = &[
    Row(&[(libc::SYS_inotify_init1, libc::ENOSYS)], NO_INSTANCE),
    Row(&[(libc::SYS_inotify_init1, libc::EMFILE)], NO_INSTANCE),
    Row(&[(libc::SYS_inotify_add_watch, libc::ENOSPC)], NO_WATCHES),
    Row(&[(libc::SYS_inotify_add_watch, libc::EPERM)], NO_WATCHES),
    Row(&[(libc::SYS_fstatfs, libc::ENOSYS)], NOT_TOLD),
];

const HANDLES: &[Row] = &[
    // File systems without handles; containers without CAP_DAC_READ_SEARCH.
    Row(&[(libc::SYS_name_to_handle_at, libc::EOPNOTSUPP)], None),
    Row(&[(libc::SYS_name_to_handle_at, libc::ENOSYS)], None),
    Row(&[(libc::SYS_name_to_handle_at, libc::EPERM)], None),
];

const SENDING: &[Row] = &[
    // File systems that cannot splice.
    Row(&[(libc::SYS_sendfile, libc::EINVAL)], None),
    Row(&[(libc::SYS_sendfile, libc::ENOSYS)], None),
    Row(&[(libc::SYS_sendfile, libc::EPERM)], None),
];

const SANDBOX: &[Row] = &[
    // Before Linux 5.13; not switched on; a container with an old list.
    Row(
        &[(libc::SYS_landlock_create_ruleset, libc::ENOSYS)],
        NO_LANDLOCK,
    ),
    Row(
        &[(libc::SYS_landlock_create_ruleset, libc::EOPNOTSUPP)],
        NO_LANDLOCK,
    ),
    Row(
        &[(libc::SYS_landlock_create_ruleset, libc::EPERM)],
        NO_LANDLOCK,
    ),
];

const ALL_AT_ONCE: &[Row] = &[Row(
    &[
        (libc::SYS_openat2, libc::ENOSYS),
        (libc::SYS_inotify_init1, libc::ENOSYS),
        (libc::SYS_name_to_handle_at, libc::ENOSYS),
        (libc::SYS_sendfile, libc::ENOSYS),
        (libc::SYS_fstatfs, libc::ENOSYS),
        (libc::SYS_landlock_create_ruleset, libc::ENOSYS),
    ],
    NO_INSTANCE,
)];

#[test]
fn calls_for_names_that_fail() {
    check(NAMES);
}

#[test]
fn calls_for_watches_that_fail() {
    check(WATCHES);
}

#[test]
fn calls_for_handles_that_fail() {
    check(HANDLES);
}

#[test]
fn calls_that_send_and_fail() {
    check(SENDING);
}

#[test]
fn calls_for_a_sandbox_that_fail() {
    check(SANDBOX);
}

#[test]
fn all_of_these_calls_fail() {
    check(ALL_AT_ONCE);
}

fn check(rows: &[Row]) {
    for Row(lacks, says) in rows {
        // Shown if it fails.
        println!("without {lacks:?}");
        let place = Place::new();
        let options = ["--threads", "1", "--poll-interval", "20"];
        let start = || Server::without(lacks, place.root(), &options);
        let server = match start() {
            Ok(server) => server,
            Err(why) => return skip(&format!("no seccomp: {why}")),
        };
        place.finite_answers(&server);
        place.tails(&server);
        place.ends(&server);
        place.truncation(&server);
        place.nowhere_else(&server);
        let tag = |server: &Server| server.get("/log", &[]).etag();
        let before = tag(&server);
        if let Some(text) = says {
            assert_eq!(server.log().count(text), 1, "{:#?}", server.log().all());
        }
        drop(server);
        let again = start().expect("a server as before");
        assert_eq!(tag(&again), before, "a restart keeps tags");
    }
}

const BEGIN: &[u8] = b"begin\n";
/// More than goes by copy at once.
const BIG: usize = 500_000;

/// A directory to serve, with another one beside it.
struct Place {
    directory: TempDir,
    big: Vec<u8>,
}

impl Place {
    fn new() -> Place {
        let mut random = Random::new(1);
        let place = Place {
            directory: TempDir::new(),
            big: (0..BIG).map(|_| random.below(256) as u8).collect(),
        };
        for directory in ["root", "root/directory"] {
            fs::create_dir(place.directory.join(directory)).expect("mkdir");
        }
        append(&place.directory.join("secret"), b"nobody shall see this");
        append(&place.at("big"), &place.big);
        for name in ["log", "directory/log"] {
            append(&place.at(name), BEGIN);
        }
        place
    }

    fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn finite_answers(&self, server: &Server) {
        let mut client = server.connect();
        let mut get = |target, fields: &[&str]| client.get(target, fields);
        let whole = get("/big", &[]);
        assert_eq!(whole.status, 200);
        assert!(whole.body == self.big, "/big");
        for (range, expected) in [
            ("bytes=7-400000", &self.big[7..=400_000]),
            ("bytes=-9", &self.big[BIG - 9..]),
        ] {
            let part = get("/big", &[&format!("Range: {range}")]);
            assert!(part.status == 206 && part.body == expected, "{range}");
        }
        let parts = get("/big", &["Range: bytes=1-200000,300000-499999"]);
        for part in [&self.big[1..=200_000], &self.big[300_000..]] {
            let mut runs = parts.body.windows(part.len());
            assert!(runs.any(|run| run == part), "a part is missing");
        }
        let tag = whole.etag();
        assert_eq!(get("/big", &[&format!("If-Match: {tag}")]).status, 200);
        assert_eq!(get("/log", &[&format!("If-Match: {tag}")]).status, 412);
        assert_eq!(get("/directory", &[]).status, 301);
        let listing = String::from_utf8(get("/directory/", &[]).body).expect("UTF-8");
        assert!(listing.starts_with("log  "), "{listing}");
    }

    /// Backlog and growth, by little and by much.
    fn tails(&self, server: &Server) {
        let mut expected = self.big.clone();
        let mut tails = [0, 3].map(|_| server.tail("/big", 0));
        for more in [&b"more\n"[..], &self.big, b"again\n"] {
            for tail in &mut tails {
                tail.wait_for(expected.len());
                assert!(tail.body == expected, "other bytes");
            }
            append(&self.at("big"), more);
            expected.extend_from_slice(more);
        }
    }

    fn ends(&self, server: &Server) {
        let names = ["renamed", "unlinked", "replaced", "sealed", "way/renamed"];
        fs::create_dir(self.at("way")).expect("mkdir");
        symlink("way/renamed", self.at("link")).expect("a symlink");
        let mut tails: Vec<Tail> = names
            .iter()
            .chain(&["link"])
            .map(|name| {
                if *name != "link" {
                    append(&self.at(name), BEGIN);
                }
                server.tail(&format!("/{name}"), 0)
            })
            .collect();
        let tag = server.get("/renamed", &[]).etag();
        for name in names {
            append(&self.at(name), b"last\n");
        }
        fs::rename(self.at("renamed"), self.at("away")).expect("rename");
        fs::remove_file(self.at("unlinked")).expect("unlink");
        append(&self.at("new"), b"the next file\n");
        fs::rename(self.at("new"), self.at("replaced")).expect("rename over");
        fs::set_permissions(self.at("sealed"), Permissions::from_mode(0o444)).expect("chmod");
        fs::rename(self.at("way"), self.at("elsewhere")).expect("rename of a directory");
        for (tail, name) in tails.iter_mut().zip(names.iter().chain(&["renamed"])) {
            let word = name.trim_start_matches("way/");
            assert_eq!(*tail.end(), End::Complete(word.into()), "{name}");
            assert_eq!(tail.body, b"begin\nlast\n", "{name}");
        }
        assert_eq!(server.get("/renamed", &[]).status, 404);
        let away = server.get("/away", &[]);
        let next = server.get("/replaced", &[]);
        assert_eq!(away.etag(), tag, "a rename keeps the tag");
        assert_eq!(next.body, b"the next file\n");
        assert_ne!(next.etag(), tag);
    }

    fn truncation(&self, server: &Server) {
        append(&self.at("truncated"), BEGIN);
        let mut tail = server.tail("/truncated", 0);
        tail.wait_for(BEGIN.len());
        let before = tail.head.etag();
        let file = File::options().write(true).open(self.at("truncated"));
        file.expect("a file").set_len(0).expect("truncate");
        assert_eq!(*tail.end(), End::Cut);
        assert_ne!(server.get("/truncated", &[]).etag(), before);
    }

    fn nowhere_else(&self, server: &Server) {
        let absolute = self.at("log");
        for (name, leads_to) in [
            ("upwards", "directory/../log"),
            ("out", "../secret"),
            ("far-out", "directory/../../secret"),
            ("absolute", absolute.to_str().expect("UTF-8")),
            ("magic", "/proc/self/root/etc/passwd"),
            ("loop", "loop"),
        ] {
            symlink(leads_to, self.at(name)).expect("a symlink");
        }
        append(&self.at(".hidden"), BEGIN);
        for (target, status) in [
            ("/upwards", 206),
            ("/directory/../log", 206),
            ("/out", 404),
            ("/far-out", 404),
            ("/absolute", 404),
            ("/magic", 404),
            ("/loop", 404),
            ("/.hidden", 404),
            ("/../secret", 400),
            ("/%2e%2e/secret", 400),
            ("/..%2fsecret", 404),
        ] {
            let answer = server.get(target, &["Range: bytes=0-3"]);
            assert_eq!(answer.status, status, "{target}: {:?}", answer.head);
            if status == 206 {
                assert_eq!(answer.body, &BEGIN[..4]);
            }
        }
    }
}

/// Nobody can be accepted: nothing spins, the log says so once of each listener, and the server ends when it is told to.
#[test]
fn accepting_is_forbidden() {
    let root = TempDir::new();
    let mut options = vec!["--threads", "1", "--admin", "127.0.0.1:0"];
    options.extend(["--intake", "tcp:127.0.0.1:0=/log"]);
    let lacks = [(libc::SYS_accept4, libc::EPERM)];
    let mut server = match Server::without(&lacks, root.path(), &options) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no filter of system calls: {why}")),
    };
    let said = &server.running.stdout;
    let admin = said.wait_for(&["admin on http://"]);
    let admin = admin.trim_start_matches("admin on http://");
    let intake = said.wait_for(&["intake on tcp:"]);
    let (intake, _) = intake.split_once(" to /").expect("a file");
    let intake = intake.trim_start_matches("intake on tcp:");
    let connect = |address: &str| TcpStream::connect(address).expect("a queue");
    let _waiting = [&server.address, admin.trim_end_matches('/'), intake].map(connect);
    for place in [&server.address, "--admin", intake] {
        server.log().wait_for(&[place, "accepts no "]);
    }
    let before = server.running.ticks();
    pass_two_seconds(&root);
    let used = server.running.ticks() - before;
    assert!(used < 30, "{used} ticks of 10 ms in two seconds");
    assert_eq!(server.log().count("accepts no "), 3);
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
}

/// By the clock of another server.
fn pass_two_seconds(root: &TempDir) {
    let clock = Server::with(root.path(), &["--header-timeout", "2"]);
    clock.connect().response().assert_error(408);
}
