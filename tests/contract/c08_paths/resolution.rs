//! Paths: what leads out of the root is never followed, what is no regular file is never opened, any name can be served.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags};

use crate::support::client::Response;
use crate::support::directory::TempDir;
use crate::support::harness::Server;
use crate::support::machine::{is_root, skip};
use crate::support::tail::Tail;
use crate::support::waiting::eventually;

const SECRET: &[u8] = b"nobody shall see this";
const INSIDE: &[u8] = b"inside";

/// A directory to serve, with a secret beside it and links in all directions.
struct Tree {
    directory: TempDir,
}

impl Tree {
    fn new() -> Tree {
        let tree = Tree {
            directory: TempDir::new(),
        };
        for name in ["outside", "root", "root/dir", "root/.hidden-dir"] {
            fs::create_dir(tree.directory.join(name)).expect("mkdir");
        }
        for name in [
            "secret",
            "outside/file",
            "root/.hidden",
            "root/.hidden-dir/file",
        ] {
            fs::write(tree.directory.join(name), SECRET).expect("a file");
        }
        for name in ["inside", "dir/file"] {
            fs::write(tree.root().join(name), INSIDE).expect("a file");
        }
        tree
    }

    fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    fn link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.root().join(name)).expect("a symlink");
    }

    /// Without the sandbox, which would hide what path resolution lets through. Three servers: names are resolved by
    /// openat2, and by steps where the kernel does not have it or a container forbids it.
    fn serve(&self, options: &[&str]) -> Vec<Server> {
        let options = [&["--no-sandbox"], options].concat();
        let lacks = [libc::ENOSYS, libc::EPERM].map(|error| [(libc::SYS_openat2, error)]);
        let without = lacks.iter().filter_map(|lack| {
            Server::without(lack, self.root(), &options)
                .inspect_err(|why| skip(&format!("no seccomp: {why}")))
                .ok()
        });
        let with = Server::with(self.root(), &options);
        std::iter::once(with).chain(without).collect()
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// The target and the status that it is answered with. 200 is always `INSIDE` or a listing.
const TARGETS: &[(&str, u16)] = &[
    // What may be asked for.
    ("/inside", 200),
    ("//inside", 200),
    ("/./inside", 200),
    ("/%69nside", 200),
    ("/dir/../inside", 200),
    ("/dir/%2e%2E/inside", 200),
    ("/dir//./file", 200),
    ("/missing/../inside", 200),
    ("/inside?../../secret", 200),
    ("http://localhost/inside", 200),
    ("/dir", 301),
    // Dots.
    ("/..", 400),
    ("/../secret", 400),
    ("//../secret", 400),
    ("/./../secret", 400),
    ("/dir/../../secret", 400),
    ("/dir/../../root/inside", 400),
    ("/%2e%2e/secret", 400),
    ("/.%2E/secret", 400),
    ("http://test/../secret", 400),
    ("/..;/secret", 404),
    ("/.../secret", 404),
    // Encoded slashes and backslashes.
    ("/..%2fsecret", 404),
    ("/%2e%2e%2Fsecret", 404),
    ("/dir/..%2f..%2fsecret", 404),
    ("/dir%2ffile", 404),
    ("/..%5csecret", 404),
    ("/dir%5c..%5cinside", 404),
    ("/..\\secret", 400),
    // Decoded once, and overlong UTF-8 is just bytes.
    ("/%252e%252e/secret", 404),
    ("/%252e%252e%252fsecret", 404),
    ("/%c0%ae%c0%ae/secret", 404),
    ("/%e0%80%ae%e0%80%ae/secret", 404),
    ("/dir%c0%affile", 404),
    ("/%u002e%u002e/secret", 400),
    // NUL and broken encodings.
    ("/inside%00", 400),
    ("/%00", 400),
    ("/inside%00/../../secret", 400),
    ("/inside%", 400),
    ("/inside%2", 400),
    ("/%zz", 400),
    // Other forms.
    ("inside", 400),
    ("../secret", 400),
    ("file:///etc/passwd", 400),
    ("/inside#fragment", 400),
    // Hidden names and absolute ones.
    ("/.hidden", 404),
    ("/%2ehidden", 404),
    ("/.hidden-dir/file", 404),
    ("/dir/../.hidden", 404),
    ("/etc/passwd", 404),
    ("//etc/passwd", 404),
    ("/inside/", 404),
    ("/inside/file", 404),
    // Links: inside the root they are followed, also upwards; nowhere else.
    ("/link", 200),
    ("/dir/up", 200),
    ("/to-dir/file", 200),
    ("/to-hidden", 200),
    ("/out", 404),
    ("/out-dir/file", 404),
    ("/out-dir/", 404),
    ("/out-dir", 404),
    ("/dir/out", 404),
    ("/to-dir/out", 404),
    ("/around", 404),
    ("/absolute", 404),
    ("/absolute-inside", 404),
    ("/loop", 404),
    ("/dangling", 404),
    ("/magic-root/etc/passwd", 404),
    ("/magic-environ", 404),
    ("/magic-descriptor", 404),
    ("/device", 404),
];

fn plant_links(tree: &Tree) {
    let base = tree.directory.path();
    tree.link("link", "inside");
    tree.link("dir/up", "../inside");
    tree.link("to-dir", "./dir");
    tree.link("to-hidden", ".visible-by-link");
    fs::write(tree.root().join(".visible-by-link"), INSIDE).expect("a file");
    tree.link("out", "../secret");
    tree.link("out-dir", "../outside");
    tree.link("dir/out", "../../secret");
    tree.link("around", "../root/inside");
    tree.link("absolute", base.join("secret"));
    tree.link("absolute-inside", tree.root().join("inside"));
    tree.link("loop", "loop");
    tree.link("dangling", "nowhere");
    tree.link("magic-root", "/proc/self/root");
    tree.link("magic-environ", "/proc/self/environ");
    tree.link("magic-descriptor", "/proc/self/fd/0");
    tree.link("device", "/dev/null");
}

fn check(answer: &Response, target: &str, status: u16) {
    assert_eq!(answer.status, status, "{target}: {:?}", answer.head);
    assert!(!contains(&answer.body, SECRET), "{target}: the secret");
}

#[test]
fn targets() {
    let tree = Tree::new();
    plant_links(&tree);
    let long = [
        (format!("/{}", "n".repeat(255)), 404),
        (format!("/{}", "n".repeat(256)), 404),
        (format!("/{}", "d/".repeat(2000)), 404),
        (format!("/{}secret", "../".repeat(1000)), 400),
        (format!("/{}inside", "dir/../".repeat(500)), 200),
        (format!("/{}", "n".repeat(5000)), 414),
    ];
    let long = long
        .iter()
        .map(|(target, status)| (target.as_str(), *status));
    let all: Vec<_> = TARGETS.iter().copied().chain(long).collect();
    let servers = [&[][..], &["--threads", "1"]].map(|options| tree.serve(options));
    for server in servers.iter().flatten() {
        for (target, status) in &all {
            let answer = server.get(target, &[]);
            check(&answer, target, *status);
            // A finite range takes another way through the look-up than what may become a tail.
            let expected = if *status == 200 { 206 } else { *status };
            check(&server.get(target, &["Range: bytes=0-3"]), target, expected);
            if *status == 200 {
                let mut tail = server.tail(target, 0);
                tail.wait_for(INSIDE.len());
                assert_eq!(tail.body, INSIDE, "{target}");
                assert_eq!(answer.body, INSIDE, "{target}");
            } else {
                let open = ["Range: bytes=0-"];
                check(&server.get(target, &open), target, *status);
            }
        }
    }
}

/// A listing tells nothing of what lies outside, not even that it is there.
#[test]
fn listing_of_links() {
    let tree = Tree::new();
    plant_links(&tree);
    for server in tree.serve(&[]) {
        check_listings(&server);
    }
}

fn check_listings(server: &Server) {
    let page = |target| {
        let page = server.get(target, &["Accept: text/html"]).body;
        String::from_utf8(page).expect("UTF-8")
    };
    let below = page("/dir/");
    assert!(below.contains("\"up\"") && !below.contains("\"out\""));
    let page = page("/");
    for name in ["inside", "dir/", "link", "to-dir/", "to-hidden"] {
        assert!(page.contains(&format!("\"{name}\"")), "{name} in {page}");
    }
    for name in [
        "out",
        "out-dir/",
        "around",
        "absolute",
        "absolute-inside",
        "loop",
        "dangling",
        "magic-root/",
        "magic-environ",
        "magic-descriptor",
        "device",
        ".hidden",
    ] {
        assert!(!page.contains(&format!("\"{name}\"")), "{name} in {page}");
    }
}

/// Exchanges two names for as long as `work` runs.
fn while_swapping<T>(one: &Path, other: &Path, work: impl FnOnce() -> T) -> T {
    /// Also when `work` panics.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
                    .expect("an exchange");
                thread::yield_now();
            }
        });
        let _stop = Stop(&done);
        work()
    })
}

/// A name, or a directory on the way to it, is now inside and now outside: a look-up sees one or the other, and never
/// follows the latter.
#[test]
fn links_that_change_while_they_are_looked_up() {
    let tree = Tree::new();
    let root = tree.root();
    tree.link("name", "inside");
    tree.link("name.out", "../secret");
    tree.link("way.out", "../outside");
    fs::create_dir(root.join("way")).expect("mkdir");
    fs::write(root.join("way/file"), INSIDE).expect("a file");
    tree.link("deep", "dir/deeper/../../inside");
    tree.link("dir/deeper.out", "../../outside");
    fs::create_dir(root.join("dir/deeper")).expect("mkdir");
    let races = [
        ("/name", "name", "name.out"),
        ("/way/file", "way", "way.out"),
        ("/deep", "dir/deeper", "dir/deeper.out"),
    ];
    for server in tree.serve(&[]) {
        for (target, one, other) in races {
            let (one, other) = (root.join(one), root.join(other));
            while_swapping(&one, &other, || ask_often(&server, target));
        }
    }
}

fn ask_often(server: &Server, target: &str) {
    let mut client = server.connect();
    let (mut found, mut missed, mut asked) = (0, 0, 0);
    // Only if both were seen often, something was tried.
    while asked < 3000 || found < 100 || missed < 100 {
        asked += 1;
        let answer = client.get(target, &[]);
        match answer.status {
            200 => {
                assert_eq!(answer.body, INSIDE, "{target}");
                found += 1;
            }
            404 => missed += 1,
            _ => panic!("{target}: {:?}", answer.head),
        }
        assert!(
            asked < 1_000_000,
            "{target}: {found} found, {missed} missed"
        );
    }
    for _ in 0..300 {
        if let Ok(mut tail) = Tail::try_open(server.connect(), target, 0, &[]).expect("an answer") {
            tail.step();
            assert_eq!(tail.body, INSIDE, "{target}");
        }
    }
}

fn encoded(name: &[u8]) -> String {
    name.iter().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn any_byte_in_a_name() {
    let root = TempDir::new();
    let names: Vec<Vec<u8>> = (1..=255)
        .filter(|byte| *byte != b'/')
        .flat_map(|byte| [vec![byte], vec![b'x', byte, b'y'], vec![byte; 85]])
        .filter(|name| !name.starts_with(b"."))
        .collect();
    for name in &names {
        let path = root.join(OsStr::from_bytes(name));
        // Each by its own content. Some file systems take no name that is not UTF-8.
        if fs::write(path, name).is_err() {
            return skip("this file system does not take any byte in a name");
        }
    }
    let server = Server::with(root.path(), &["--threads", "1"]);
    let mut client = server.connect();
    for name in &names {
        let target = format!("/{}", encoded(name));
        let answer = client.get(&target, &[]);
        assert_eq!((answer.status, &answer.body), (200, name), "{target}");
    }
    let page = server.get("/", &["Accept: text/html"]).body;
    let page = String::from_utf8(page).expect("UTF-8");
    let links: Vec<&str> = page
        .split("<td><a href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().expect("a link"))
        .filter(|link| !link.ends_with("?view"))
        .map(|link| link.trim_start_matches("./"))
        .collect();
    assert_eq!(links.len(), names.len());
    let mut listed: Vec<Vec<u8>> = links
        .iter()
        .map(|link| {
            let answer = client.get(&format!("/{link}"), &[]);
            assert_eq!(answer.status, 200, "{link}");
            answer.body
        })
        .collect();
    let mut names = names;
    names.sort();
    listed.sort();
    assert!(listed == names, "each name once");
    assert!(!page.contains('\0') && !page.chars().any(|c| c.is_control() && c != '\n'));
}

/// Something else than a regular file, made at a path.
type Make = fn(&Path);

const KINDS: [(&str, Make); 4] = [
    ("FIFO", |path| {
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
    }),
    ("socket", |path| {
        drop(UnixListener::bind(path).expect("a socket"));
    }),
    ("character device", |path| {
        let null = rustix::fs::makedev(1, 3);
        let _ = rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::RWXU, null);
    }),
    ("block device", |path| {
        let ram = rustix::fs::makedev(1, 0);
        let _ = rustix::fs::mknodat(CWD, path, FileType::BlockDevice, Mode::RWXU, ram);
    }),
];

#[test]
fn what_replaces_a_file() {
    let root = TempDir::new();
    let (log, new) = (root.join("log"), root.join("new"));
    let server = Server::with(root.path(), &[]);
    for (kind, make) in KINDS {
        fs::write(&log, INSIDE).expect("a file");
        let mut client = server.connect();
        let mut tail = server.tail("/log", 0);
        assert_eq!(client.get("/log", &[]).status, 200);
        make(&new);
        if !new.exists() {
            assert!(!is_root() || kind.contains("device"), "{kind}");
            skip(&format!("no {kind} can be made here"));
            continue;
        }
        fs::rename(&new, &log).expect("rename over");
        tail.end();
        assert_eq!(tail.body, INSIDE);
        for range in ["bytes=0-", "bytes=0-3", "bytes=-1", "none"] {
            let answer = client.get("/log", &[&format!("Range: {range}")]);
            assert_eq!(answer.status, 403, "{kind}: {:?}", answer.head);
        }
        let listing = client.get("/", &[]);
        assert!(!contains(&listing.body, b"\"./log\""), "{kind} is listed");
        fs::rename(&log, root.join("index.html")).expect("rename");
        assert_eq!(client.get("/", &[]).status, 403, "{kind}");
        fs::remove_file(root.join("index.html")).expect("unlink");
    }
}

/// Opening a FIFO, however shortly, would let its waiting writer through.
#[test]
fn waiting_writer_of_a_fifo() {
    let root = TempDir::new();
    let (log, fifo) = (root.join("log"), root.join("fifo"));
    fs::write(&log, INSIDE).expect("a file");
    (KINDS[0].1)(&fifo);
    let server = Server::with(root.path(), &[]);
    let through = AtomicBool::new(false);
    // Not by name, which is about to change hands.
    let held = rustix::fs::open(&fifo, OFlags::PATH, Mode::empty()).expect("a place");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
    thread::scope(|scope| {
        scope.spawn(|| {
            let writer = File::options().write(true).open(&name);
            through.store(true, Ordering::Release);
            writer
        });
        let got = while_swapping(&log, &fifo, || {
            let mut client = server.connect();
            let mut seen = (0, 0);
            for asked in 0..3000 {
                let range = if asked % 2 == 0 { "bytes=0-5" } else { "none" };
                let answer = client.get("/log", &[&format!("Range: {range}")]);
                match answer.status {
                    403 => seen.0 += 1,
                    200 | 206 => seen.1 += 1,
                    _ => panic!("{:?}", answer.head),
                }
                if asked % 10 == 0 {
                    let _ = Tail::try_open(server.connect(), "/fifo", 0, &[]).expect("an answer");
                    client.get("/", &[]);
                }
            }
            seen
        });
        let early = through.load(Ordering::Acquire);
        // Lets it through now, or the scope would wait for ever.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let mut reader = File::options()
            .read(true)
            .custom_flags(nonblocking)
            .open(&name)
            .expect("the FIFO");
        eventually("the writer got through", || through.load(Ordering::Acquire));
        let _ = reader.read(&mut [0]);
        assert!(!early, "the server opened the FIFO");
        assert!(got.0 > 10 && got.1 > 10, "{got:?}");
    });
}
