//! Tails of files that inotify cannot watch.

use std::os::unix::process::CommandExt;

use crate::support::client::{Client, get};
use crate::support::harness::{Running, Server, TempDir, openrange};
use crate::support::tail::End;

/// A server in a user namespace in which a limit of inotify has this value, or none if there can be no such thing here.
fn limited_to(most: &str, dir: &TempDir, limit: &str, threads: &str) -> Option<Server> {
    let most = most.to_owned();
    let path = format!("/proc/sys/user/{limit}");
    let forbid = move || {
        new_user_namespace()?;
        std::fs::write(&path, &most)
    };
    let mut probe = std::process::Command::new("true");
    // SAFETY: between fork and exec of a child with one thread; what allocates is at worst a test that hangs.
    unsafe { probe.pre_exec(forbid.clone()) };
    if probe.status().is_err() {
        eprintln!("skipped: no user namespace in which {limit} can be set");
        return None;
    }
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--threads", threads]);
    command.arg(dir.path());
    // SAFETY: as above.
    unsafe { command.pre_exec(forbid) };
    Some(Server::launch(command))
}

/// The same with none at all.
fn limited(dir: &TempDir, limit: &str, threads: &str) -> Option<Server> {
    limited_to("0", dir, limit, threads)
}

fn new_user_namespace() -> std::io::Result<()> {
    // SAFETY: no memory is involved.
    match unsafe { libc::unshare(libc::CLONE_NEWUSER) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[test]
fn without_inotify_a_tail_works_all_the_same_and_a_line_says_so_once() {
    for limit in ["max_inotify_instances", "max_inotify_watches"] {
        let dir = TempDir::with("log", "one ");
        let Some(mut server) = limited(&dir, limit, "2") else {
            return;
        };
        let mut clients: Vec<_> = (0..8)
            .map(|_| {
                let mut client = Client::new(&server);
                client.tail("/log", &["Range: bytes=0-"]);
                client
            })
            .collect();
        for client in &mut clients {
            assert_eq!(client.take(4), b"one ");
        }
        dir.append("log", "two");
        for client in &mut clients {
            assert_eq!(client.take(3), b"two");
        }
        dir.append("log", "three");
        dir.rename("log", "away");
        for client in &mut clients {
            assert_eq!(client.rest().0, b"three");
        }
        let lines = lines_about_inotify(&mut server.running);
        assert_eq!(lines.len(), 1, "{limit}: {lines:#?}");
    }
}

fn lines_about_inotify(running: &mut Running) -> Vec<String> {
    running.signal(rustix::process::Signal::TERM);
    running.wait();
    let lines = running.stderr.all().into_iter();
    lines.filter(|line| line.contains("inotify")).collect()
}

#[test]
fn a_single_tail_without_inotify_needs_nobody_else_to_be_served() {
    let dir = TempDir::with("log", "one ");
    let Some(server) = limited(&dir, "max_inotify_instances", "1") else {
        return;
    };
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(4), b"one ");
    dir.append("log", "two");
    assert_eq!(client.take(3), b"two");
}

#[test]
fn another_request_does_not_hide_an_append_from_a_tail_without_inotify() {
    let dir = TempDir::with("log", "one ");
    let Some(server) = limited(&dir, "max_inotify_instances", "1") else {
        return;
    };
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(4), b"one ");
    dir.append("log", "two");
    assert_eq!(get(&server, "/log", &[]).body, b"one two");
    assert_eq!(client.take(3), b"two");
}

#[test]
fn a_tail_without_inotify_ends_for_the_reason_that_there_was() {
    let names = ["renamed", "unlinked", "replaced", "sealed"];
    let dir = TempDir::with("new", "of the next file");
    for name in names {
        dir.write(name, name);
    }
    let Some(server) = limited(&dir, "max_inotify_watches", "1") else {
        return;
    };
    let clients = names.map(|name| {
        let mut client = Client::new(&server);
        client.tail(&format!("/{name}"), &["Range: bytes=0-", "TE: trailers"]);
        client
    });
    for name in names {
        dir.append(name, "!");
    }
    dir.rename("renamed", "away");
    dir.remove("unlinked");
    dir.rename("new", "replaced");
    dir.chmod("sealed", 0o444);
    for (name, mut client) in names.into_iter().zip(clients) {
        let (body, trailers) = client.rest();
        assert_eq!(body, format!("{name}!").as_bytes());
        assert_eq!(trailers, [("Tail-End".to_string(), name.to_string())]);
    }
}

#[test]
fn a_signal_waits_for_no_look_to_deliver_all_bytes() {
    let dir = TempDir::with("log", "one ");
    let Some(mut server) = limited(&dir, "max_inotify_watches", "1") else {
        return;
    };
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(4), b"one ");
    dir.append("log", "two");
    server.running.signal(rustix::process::Signal::TERM);
    assert_eq!(client.rest().0, b"two");
    drop(client);
    assert_eq!(server.running.wait().code(), Some(0));
}

/// What is followed, what happens, and why the tail ends.
type Case = (&'static str, fn(&TempDir), &'static str);

const LINKS: &[Case] = &[
    ("/link", |dir| repoint(dir, "other/log", "link"), "replaced"),
    ("/link", |dir| dir.remove("link"), "unlinked"),
    ("/way/log", |dir| repoint(dir, "other", "way"), "replaced"),
    ("/way/log", |dir| dir.remove("way"), "unlinked"),
    ("/link", |dir| dir.rename("dir/log", "dir/away"), "renamed"),
    ("/link", |dir| dir.rename("dir", "away"), "renamed"),
    ("/way/log", |dir| roll(dir), "renamed"),
    ("/link", |dir| dir.remove("dir/log"), "unlinked"),
    ("/way/log", |dir| dir.rename("new", "dir/log"), "replaced"),
];

fn repoint(dir: &TempDir, target: &str, link: &str) {
    dir.symlink(target, "next");
    dir.rename("next", link);
}

fn roll(dir: &TempDir) {
    dir.rename("dir/log", "dir/log.1");
    dir.write("dir/log", "of the next file");
}

/// The file is still where it was, or not: that tells what happened where no event does.
#[test]
fn what_happens_to_a_link_is_called_the_same_without_inotify() {
    for (row, (target, deed, why)) in LINKS.iter().enumerate() {
        let dir = TempDir::with("new", "of another file");
        dir.mkdir("dir");
        dir.mkdir("other");
        dir.write("dir/log", "first ");
        dir.write("other/log", "of the other file");
        dir.symlink("dir/log", "link");
        dir.symlink("dir", "way");
        let Some(polling) = limited(&dir, "max_inotify_watches", "1") else {
            return;
        };
        let watching = Server::with(&dir, &["--threads", "1"]);
        let tails = [&polling, &watching].map(|server| server.tail(target, 0));
        dir.append("dir/log", "last");
        deed(&dir);
        for mut tail in tails {
            assert_eq!(*tail.end(), End::Complete((*why).to_owned()), "row {row}");
            assert_eq!(tail.body, b"first last", "row {row}");
        }
    }
}

/// Each of them leaves a watch behind at its directory, for the rolls of its log.
#[test]
fn former_tails_leave_their_watches_to_those_that_come() {
    let dir = TempDir::new();
    for number in 0..12 {
        dir.mkdir(&format!("{number}"));
        dir.write(&format!("{number}/log"), "one ");
    }
    let Some(mut server) = limited_to("7", &dir, "max_inotify_watches", "1") else {
        return;
    };
    for number in 0..12 {
        let mut client = Client::new(&server);
        client.tail(&format!("/{number}/log"), &["Range: bytes=0-"]);
        assert_eq!(client.take(4), b"one ");
        dir.append(&format!("{number}/log"), "two");
        assert_eq!(client.take(3), b"two");
        drop(client);
        // A busy server learns of that later than of the next client.
        let ended = format!("tail of /{number}/log ended");
        server.running.stderr.wait_for(&[&ended]);
    }
    let lines = lines_about_inotify(&mut server.running);
    assert!(lines.is_empty(), "{lines:#?}");
}
