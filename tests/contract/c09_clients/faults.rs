//! Bad days of the machine: inotify loses events or has none to give, file systems that do not tell, descriptors that
//! run out, files that cannot be read.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use openrange::limits::ACCEPT_PAUSE;

use crate::support::client::{Client, Ending};
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::{is_root, skip};
use crate::support::tail::{End, Tail};
use crate::support::waiting::eventually;

fn complete(reason: &str) -> End {
    End::Complete(reason.into())
}

/// Lost events lose neither bytes nor ends.
#[test]
fn inotify_queue_overflow() {
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok());
    let Some(queue) = queue.filter(|queue| *queue <= 100_000) else {
        return skip("the inotify queue is too long to be filled");
    };
    let root = TempDir::new();
    let ends = ["renamed", "unlinked", "replaced", "none"];
    for name in ["a", "b"].iter().chain(&ends) {
        append(&root.join(name), b"begin\n");
    }
    let server = Server::with(root.path(), &["--threads", "1"]);
    let mut grown = ["a", "b"].map(|name| server.tail(&format!("/{name}"), 0));
    let mut rolled = ends.map(|name| server.tail(&format!("/{name}"), 0));

    server.freeze();
    // Alternating, since an event like the one before it is merged with that.
    let mut files = ["a", "b"].map(|name| {
        File::options()
            .append(true)
            .open(root.join(name))
            .expect("a file")
    });
    for record in 0..=queue {
        let file = &mut files[record % 2];
        file.write_all(format!("record {record}\n").as_bytes())
            .expect("a write");
    }
    for name in ends {
        append(&root.join(name), b"last words\n");
    }
    fs::rename(root.join("renamed"), root.join("renamed.1")).expect("rename");
    fs::remove_file(root.join("unlinked")).expect("unlink");
    append(&root.join("new"), b"another file\n");
    fs::rename(root.join("new"), root.join("replaced")).expect("rename over");
    server.thaw();

    for (tail, name) in grown.iter_mut().zip(["a", "b"]) {
        let written = fs::read(root.join(name)).expect("a file");
        tail.wait_for(written.len());
        assert!(tail.body == written, "{name}: other bytes");
    }
    for (tail, name) in rolled.iter_mut().zip(ends).take(3) {
        assert_eq!(*tail.end(), complete(name));
        assert_eq!(tail.body, b"begin\nlast words\n", "{name}");
    }
    assert_eq!(server.log().count("inotify events were lost"), 1);
    // And it goes on by events, with new watches in place.
    append(&root.join("none"), b"more\n");
    rolled[3].wait_for(b"begin\nlast words\nmore\n".len());
    fs::remove_file(root.join("none")).expect("unlink");
    assert_eq!(*rolled[3].end(), complete("unlinked"));
}

/// Appends, ends and log of a server whose inotify has nothing to give.
fn follow_by_the_clock(script: &str) {
    let root = TempDir::new();
    let names = ["one", "two", "three"];
    for name in names {
        append(&root.join(name), b"begin\n");
    }
    fs::create_dir(root.join("directory")).expect("mkdir");
    append(&root.join("directory/four"), b"begin\n");
    let server = match Server::in_namespace(
        script,
        root.path(),
        &["--threads", "2", "--poll-interval", "50"],
    ) {
        Ok(server) => server,
        Err(why) => return skip(&format!("{script}: {}", why.trim())),
    };
    let mut tails: Vec<Tail> = ["/one", "/two", "/three", "/directory/four"]
        .map(|target| server.tail(target, 0))
        .into();
    for name in ["one", "two", "three", "directory/four"] {
        append(&root.join(name), b"more\n");
    }
    for tail in &mut tails {
        tail.wait_for(b"begin\nmore\n".len());
    }
    append(&root.join("one"), b"last\n");
    fs::rename(root.join("one"), root.join("one.1")).expect("rename");
    fs::remove_file(root.join("two")).expect("unlink");
    fs::set_permissions(root.join("three"), Permissions::from_mode(0o444)).expect("chmod");
    fs::rename(root.join("directory"), root.join("elsewhere")).expect("rename of a directory");
    let ends = ["renamed", "unlinked", "sealed", "renamed"];
    for (tail, end) in tails.iter_mut().zip(ends) {
        assert_eq!(*tail.end(), complete(end), "{script}");
    }
    assert_eq!(tails[0].body, b"begin\nmore\nlast\n");
    let lines = server.log().count(" are polled");
    assert_eq!(lines, 1, "{script}: {:#?}", server.log().all());
}

#[test]
fn no_inotify_watches() {
    follow_by_the_clock("echo 0 > /proc/sys/user/max_inotify_watches");
    // Some files, or only their directories, can be watched.
    follow_by_the_clock("echo 2 > /proc/sys/user/max_inotify_watches");
}

#[test]
fn no_inotify_instances() {
    follow_by_the_clock("echo 0 > /proc/sys/user/max_inotify_instances");
}

/// Writes behind the mount of an overlay make no event (inotify sees the overlay's inodes only).
#[test]
fn file_system_that_does_not_tell() {
    let root = TempDir::new();
    for name in ["lower", "upper", "work", "root", "root/mounted"] {
        fs::create_dir(root.join(name)).expect("mkdir");
    }
    append(&root.join("upper/above"), b"begin\n");
    append(&root.join("lower/below"), b"begin\n");
    let script = format!(
        "cd {}; mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root/mounted",
        root.path().display()
    );
    let options = ["--threads", "1", "--poll-interval", "50"];
    let server = match Server::in_namespace(&script, root.join("root"), &options) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no overlay: {}", why.trim())),
    };
    let mut tails = ["/mounted/above", "/mounted/below"].map(|target| server.tail(target, 0));
    for round in 1..4 {
        append(&root.join("upper/above"), b"behind\n");
        append(&root.join("lower/below"), b"behind\n");
        for tail in &mut tails {
            tail.wait_for(b"begin\n".len() + round * b"behind\n".len());
        }
    }
    assert_eq!(server.log().count("may not report every write"), 1);
    let mounted = root.join("root/mounted");
    let inside = server.running.path_inside(&mounted);
    append(&inside.join("above"), b"last\n");
    fs::remove_file(inside.join("above")).expect("unlink");
    assert_eq!(*tails[0].end(), complete("unlinked"));
    assert!(tails[0].body.ends_with(b"behind\nlast\n"));

    unmount(&server, &mounted);
    assert_eq!(
        *tails[1].end(),
        complete("renamed"),
        "its name leads nowhere"
    );
    assert_eq!(server.get("/mounted/below", &[]).status, 404);
}

/// Unmounts in the server's namespace what it still uses.
fn unmount(server: &Server, path: &Path) {
    let pid = server.running.id().to_string();
    let enter = ["-t", &pid, "-U", "-m", "--preserve-credentials"];
    let status = Command::new("nsenter")
        .args(enter)
        .args(["umount", "-l"])
        .arg(path)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "no umount");
}

/// A file system that goes away takes its own tails along and nobody else.
#[test]
fn file_system_unmounted() {
    let root = TempDir::new();
    fs::create_dir(root.join("mounted")).expect("mkdir");
    append(&root.join("stays"), b"begin\n");
    let script = format!("mount -t tmpfs tmpfs {}/mounted", root.path().display());
    let server = match Server::in_namespace(&script, root.path(), &[]) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no tmpfs: {}", why.trim())),
    };
    let inside = server.running.path_inside(&root.join("mounted"));
    append(&inside.join("goes"), b"begin\n");
    let held = File::options()
        .append(true)
        .open(inside.join("goes"))
        .expect("a file");
    let mut goes = server.tail("/mounted/goes", 0);
    let mut stays = server.tail("/stays", 0);
    goes.wait_for(6);
    unmount(&server, &root.join("mounted"));
    // Detaching makes no event; one of the file makes the server look.
    (&held).write_all(b"last\n").expect("a write");
    held.set_permissions(Permissions::from_mode(0o600))
        .expect("chmod");
    assert_eq!(*goes.end(), complete("renamed"));
    assert_eq!(goes.body, b"begin\nlast\n");
    assert_eq!(server.get("/mounted/goes", &[]).status, 404);
    append(&root.join("stays"), b"more\n");
    stays.wait_for(b"begin\nmore\n".len());
}

/// Accepting pauses without spinning, who is there is served, and recovery needs nobody.
#[test]
fn out_of_descriptors() {
    let root = TempDir::new();
    append(&root.join("log"), b"begin\n");
    append(&root.join("rolled"), b"begin\n");
    append(&root.join("other"), b"begin\n");
    let options = [
        "--threads",
        "1",
        "--max-connections",
        "1000",
        "--poll-interval",
        "50",
    ];
    let server = Server::after("ulimit -n 40", root.path(), &options).expect("a server");
    let mut tail = server.tail("/log", 0);
    let mut rolled = server.tail("/rolled", 0);
    let mut early = server.connect();
    assert_eq!(early.get("/log", &[]).status, 200);

    let mut clients: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    let pauses = || server.log().count("cannot accept a connection");
    eventually("a pause in accepting", || pauses() >= 1);
    append(&root.join("rolled"), b"last\n");
    fs::rename(root.join("rolled"), root.join("rolled.1")).expect("rename");
    append(&root.join("log"), b"meanwhile\n");
    tail.wait_for(b"begin\nmeanwhile\n".len());
    // What is open already takes no descriptor.
    let open = early.get("/log", &[]);
    assert_eq!(
        (open.status, &*open.body),
        (200, &b"begin\nmeanwhile\n"[..])
    );
    let busy = early.get("/other", &[]);
    assert_eq!(busy.status, 503);
    assert!(busy.get("Retry-After").is_some(), "{busy:?}");
    assert_eq!(busy.field("Connection"), "close");
    early.assert_closed();
    // Not more attempts than the time and a connection or two that end allow, and no CPU used between them.
    let (before, ticks, start) = (pauses(), server.running.ticks(), Instant::now());
    eventually("five more pauses", || pauses() >= before + 5);
    let (attempts, used) = (pauses() - before, server.running.ticks() - ticks);
    let allowed = 3 + start.elapsed().as_millis() / ACCEPT_PAUSE.as_millis();
    assert!(attempts as u128 <= allowed, "{attempts} attempts");
    assert!(used < 50, "{used} ticks of 10 ms in five pauses");

    let mut waited = clients.pop().expect("a client");
    clients.clear();
    assert_eq!(waited.get("/log", &[]).status, 200);
    assert_eq!(server.get("/log", &[]).body, b"begin\nmeanwhile\n");
    assert_eq!(*rolled.end(), complete("renamed"));
    assert_eq!(rolled.body, b"begin\nlast\n");
    append(&root.join("log"), b"after\n");
    tail.wait_for(b"begin\nmeanwhile\nafter\n".len());
}

/// A client that gets 503 for want of descriptors gives up its own: those who wait in the queue get an answer too.
#[test]
fn out_of_descriptors_everybody_is_answered() {
    let root = TempDir::new();
    append(&root.join("log"), b"begin\n");
    let options = [
        "--threads",
        "1",
        "--max-connections",
        "1000",
        "--idle-timeout",
        "1000",
        "--write",
        "/",
    ];
    let server = Server::after("ulimit -n 40", root.path(), &options).expect("a server");
    let mut clients: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    eventually("a pause in accepting", || {
        server.log().count("cannot accept a connection") >= 1
    });
    // They do not close their side.
    for (number, client) in clients.iter_mut().enumerate() {
        match number % 2 {
            0 => client.ask("GET", "/log", &[]),
            _ => {
                client.send("POST /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n.\n")
            }
        }
    }
    let mut refused = 0;
    for client in &mut clients {
        let response = client.response();
        if response.status == 503 {
            refused += 1;
            assert_eq!(response.field("Connection"), "close", "{response:?}");
            client.assert_closed();
        }
    }
    assert!(refused > 0, "descriptors did not run out");
}

/// What cannot be read is promised and then broken off: no client takes it for the end.
#[test]
fn read_errors() {
    let root = Path::new("/sys/devices/virtual/net/lo");
    if !root.join("mtu").exists() || fs::read(root.join("speed")).is_ok() {
        return skip("no file known that cannot be read");
    }
    let server = Server::with(root, &["--poll-interval", "50"]);
    // A sealed file of 4096 bytes that gives EINVAL, and a live one that has no more than a few bytes.
    for target in ["/speed", "/mtu"] {
        let mut client = server.connect();
        client.ask("GET", target, &[]);
        assert_eq!(client.head().status, 200);
        assert!(
            client.until_end().1 == Ending::Reset,
            "{target}: a proper end"
        );
    }
    assert_eq!(*server.tail("/mtu", 0).end(), End::Cut);
    assert_eq!(server.get("/mtu", &["Range: bytes=0-0"]).status, 206);
}

/// A directory that others may no longer enter: its tails are cut when that is seen, nobody else notices.
#[test]
fn directory_that_becomes_unreadable() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    let root = TempDir::new();
    fs::create_dir(root.join("closed")).expect("mkdir");
    for name in ["closed/log", "closed/other", "open"] {
        append(&root.join(name), b"begin\n");
    }
    let server = Server::with(root.path(), &["--user", "65534:65534"]);
    let mut closed = server.tail("/closed/log", 0);
    let mut open = server.tail("/open", 0);
    closed.wait_for(6);
    let mode = |path: &str, mode| {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).expect("chmod");
    };
    mode("closed", 0o700);
    for target in ["/closed/log", "/closed/", "/closed/missing"] {
        assert_eq!(server.get(target, &[]).status, 403, "{target}");
    }
    // An event of the file makes the server look at its name.
    mode("closed/log", 0o640);
    assert_eq!(*closed.end(), End::Cut);
    append(&root.join("open"), b"more\n");
    open.wait_for(b"begin\nmore\n".len());
    mode("closed", 0o755);
    assert_eq!(server.get("/closed/other", &[]).status, 200);
    assert_eq!(server.get("/closed/log", &[]).status, 403, "its own mode");
}
