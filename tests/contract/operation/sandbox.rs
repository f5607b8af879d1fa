//! What the process has given up when it serves.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::support::directory::{TempDir, append};
use crate::support::harness::{Server, openrange, run};
use crate::support::machine::{is_root, skip};
use crate::support::tail::End;
use crate::support::waiting::eventually;

#[test]
fn no_new_privileges() {
    let root = TempDir::new();
    for (options, expected) in [(&[][..], "1"), (&["--no-sandbox"], "0")] {
        let server = Server::with(root.path(), options);
        assert_eq!(server.running.status("NoNewPrivs"), expected, "{options:?}");
    }
}

/// Serving, tailing and ending work as another user too.
#[test]
fn another_user() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    let root = TempDir::new();
    append(&root.join("log"), b"begin\n");
    append(&root.join("private"), b"secret\n");
    fs::set_permissions(root.join("private"), fs::Permissions::from_mode(0o600)).expect("chmod");
    for options in [
        &["--user", "65534:65533"][..],
        &["--user", "65534:65533", "--no-sandbox", "--threads", "3"],
    ] {
        let mut server = Server::with(root.path(), options);
        assert_eq!(server.running.status("Uid"), "65534\t65534\t65534\t65534");
        assert_eq!(server.running.status("Gid"), "65533\t65533\t65533\t65533");
        assert_eq!(server.running.status("Groups"), "65533");
        for field in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(server.running.status(field), "0000000000000000", "{field}");
        }
        assert_eq!(server.get("/private", &[]).status, 403);
        let mut tail = server.tail("/log", 0);
        append(&root.join("log"), b"more\n");
        let length = fs::metadata(root.join("log")).expect("a file").len();
        tail.wait_for(usize::try_from(length).expect("a size"));
        server.running.signal(Signal::TERM);
        assert_eq!(*tail.end(), End::Complete("shutdown".into()));
        drop(tail);
        assert!(server.running.wait().success());
    }
}

/// A file of a group that the user is in can be read, whatever his first group is.
#[test]
fn groups_of_a_user() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    let (root, etc) = (TempDir::new(), TempDir::new());
    append(&root.join("log"), b"for the group");
    fs::set_permissions(root.join("log"), fs::Permissions::from_mode(0o640)).expect("chmod");
    std::os::unix::fs::chown(root.join("log"), Some(0), Some(54_324)).expect("chown");
    append(&etc.join("passwd"), b"reader:x:54322:54323::/:/bin/false\n");
    let groups = b"first:x:54323:\nlogs:x:54324:other,reader\nadm:x:4:reader\nno:x:5:readers\n";
    append(&etc.join("group"), groups);
    let script = format!(
        "set -- unshare -m sh -ec 'cd {}; mount --bind passwd /etc/passwd; mount --bind group /etc/group; \
         exec \"$@\"' sh \"$@\"",
        etc.path().display()
    );
    let server = match Server::after(&script, root.path(), &["--user", "reader"]) {
        Ok(server) => server,
        Err(why) => return skip(&format!("nothing can be mounted: {why}")),
    };
    assert_eq!(server.running.status("Gid"), "54323\t54323\t54323\t54323");
    assert_eq!(server.running.status("Groups"), "4 54323 54324");
    assert_eq!(server.get("/log", &[]).body, b"for the group");
}

/// Root opens files for the user that the server becomes, who may have put links in their place.
#[test]
fn root_follows_no_link_of_another_user() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    let (root, own) = (TempDir::new(), TempDir::new());
    append(&own.join("precious"), b"all of it\n");
    for name in ["access", "history.new", "linked"] {
        std::os::unix::fs::symlink("precious", own.join(name)).expect("a link");
    }
    let path = |name: &str| own.join(name).to_str().expect("UTF-8").to_string();
    for (option, file, good) in [
        ("--access-log", path("access"), false),
        ("--history", path("linked"), false),
        ("--history", path("history"), true),
    ] {
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--user", "65534:65533"];
        let root = root.path().to_str().expect("UTF-8");
        arguments.extend([option, &file, root]);
        match Server::try_launch(openrange(&arguments)) {
            Ok(_) => assert!(good, "{option} {file}"),
            Err(said) => assert!(!good && said.contains(&file), "{said}"),
        }
    }
    let precious = fs::read_to_string(own.join("precious")).expect("a file");
    assert_eq!(precious, "all of it\n");
}

/// What is opened again on SIGHUP is opened as that user, inside the sandbox.
#[test]
fn another_user_reads_and_opens_again() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    let (uid, gid) = (Some(65534), Some(65533));
    let (root, own) = (TempDir::new(), TempDir::new());
    append(&root.join("log"), b"begin\n");
    append(&own.join("tokens"), b"first\n");
    for path in [own.path(), &own.join("tokens")] {
        std::os::unix::fs::chown(path, uid, gid).expect("chown");
    }
    let (tokens, log) = (own.join("tokens"), own.join("access"));
    let options = [
        "--user",
        "65534:65533",
        "--token-file",
        tokens.to_str().expect("UTF-8"),
        "--access-log",
        log.to_str().expect("UTF-8"),
    ];
    let server = Server::with(root.path(), &options);
    let get = |token: &str| {
        let value = format!("Bearer {token}");
        server
            .get("/log", &[&format!("Authorization: {value}")])
            .status
    };
    assert_eq!(get("first"), 200);
    let lines = |path: &std::path::Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().count()
    };
    eventually("a line", || lines(&log) == 1);
    fs::rename(&log, own.join("access.1")).expect("rename");
    fs::write(own.join("new"), b"second\n").expect("a file");
    fs::rename(own.join("new"), &tokens).expect("rename");
    server.running.signal(Signal::HUP);
    eventually("the access log", || {
        server.log().count("SIGHUP: the access log is") == 1
    });
    assert_eq!((get("first"), get("second")), (401, 200));
    eventually("two lines", || lines(&log) == 2);
    assert_eq!(lines(&own.join("access.1")), 1);
}

#[test]
fn users_that_do_not_exist() {
    let root = TempDir::new();
    let path = root.path().to_str().expect("UTF-8");
    // Only the first one could be right elsewhere.
    for (user, status) in [
        ("no-such-user", 1),
        ("", 2),
        (":", 2),
        ("1:", 2),
        (":1", 2),
        ("x:y", 2),
        ("-1:0", 2),
        ("4294967295:0", 2),
        ("0:4294967295", 2),
    ] {
        let arguments = ["--listen", "127.0.0.1:0", "--user", user, path];
        let (code, stderr) = run(&arguments);
        assert_eq!(code, Some(status), "{user}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{user}: {stderr}");
        assert!(stderr.contains("--user"), "{user}: {stderr}");
    }
}
