//! Receipts for what is on disk, and disks that are full, read-only or limited.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::{names, once, patch, read, writable, write};
use crate::support::client::{Client, etag};
use crate::support::harness::{Server, TempDir};
use crate::support::machine::{in_namespace, is_root, skip, succeeds};

const FSYNC: &str = "Prefer: fsync";

#[test]
fn on_disk() {
    let (dir, server) = writable(&[]);
    let mut client = Client::new(&server);
    let response = write(&mut client, "POST", "/in/t", &[FSYNC], "one\n");
    assert_eq!(
        (response.status, response.field("Preference-Applied")),
        (201, "fsync")
    );
    let response = write(
        &mut client,
        "POST",
        "/in/t",
        &["Prefer: wait=1, fsync"],
        "two\n",
    );
    assert_eq!(
        (response.status, response.field("Preference-Applied")),
        (204, "fsync")
    );
    let response = write(&mut client, "POST", "/in/t", &[], "three\n");
    assert_eq!(response.get("Preference-Applied"), None);
    let response = write(&mut client, "PUT", "/in/u", &[FSYNC], "new\n");
    assert_eq!(
        (response.status, response.field("Preference-Applied")),
        (201, "fsync")
    );
    client.ask("MOVE", "/in/u", &[FSYNC, "Destination: /in/sub/u"]);
    let response = client.response();
    assert_eq!(
        (response.status, response.field("Preference-Applied")),
        (201, "fsync")
    );
    client.ask("DELETE", "/in/sub/u", &[FSYNC]);
    let response = client.response();
    assert_eq!(
        (response.status, response.field("Preference-Applied")),
        (204, "fsync")
    );
    // Nothing was done, so nothing is promised.
    client.ask("DELETE", "/in/sub/u", &[FSYNC]);
    let response = client.response();
    assert_eq!(
        (response.status, response.get("Preference-Applied")),
        (404, None)
    );
    assert_eq!(client.get("/in/t", &[]).body, b"one\ntwo\nthree\n");
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
}

#[test]
fn many_wait_together() {
    let (dir, server) = writable(&[]);
    let mut clients: Vec<Client> = (0..64).map(|_| Client::new(&server)).collect();
    for round in 0..5 {
        for (number, client) in clients.iter_mut().enumerate() {
            let line = format!("{round} {number:02}\n");
            let length = format!("Content-Length: {}", line.len());
            let fields = [FSYNC, &length];
            let head = crate::support::client::request("POST", "/in/t", &fields);
            client.send(head + &line);
        }
        for client in &mut clients {
            let response = client.response();
            assert_eq!(response.field("Preference-Applied"), "fsync");
        }
    }
    assert_eq!(read(&dir, "in/t").lines().count(), 320);
}

#[test]
fn who_leaves_while_it_waits_harms_nobody() {
    let (dir, server) = writable(&[]);
    for number in 0..50 {
        let mut client = Client::new(&server);
        let fields = [FSYNC, "Content-Length: 2"];
        client.send(crate::support::client::request("POST", "/in/t", &fields) + "x\n");
        if number % 2 == 0 {
            client.reset();
        } else {
            drop(client);
        }
    }
    let response = once(&server, "POST", "/in/t", &[FSYNC], "end\n");
    assert!(response.status < 300);
    let text = read(&dir, "in/t");
    assert!(text.contains("end\n") && text.len() <= 104, "{text:?}");
}

#[test]
fn a_full_disk() {
    in_namespace(module_path!(), "a_full_disk", || {
        let dir = TempDir::new();
        dir.mkdir("in");
        let script = format!(
            "mount -t tmpfs -o size=256k tmpfs {}",
            dir.join("in").display()
        );
        let server = Server::after(&script, &dir, &["--write", "/in"]).expect("a server");
        let inside = server.running.path_inside(&dir.join("in"));
        assert_eq!(once(&server, "POST", "/in/t", &[], "one\n").status, 201);
        let before = etag(&server, "/in/t");
        let mut tail = server.tail("/in/t", 0);
        tail.wait_for(4);
        let long = "x".repeat(1_000_000);
        let response = once(&server, "POST", "/in/t", &[], &long);
        response.assert_error(507);
        assert_eq!(response.field("Upload-Offset"), "4");
        once(&server, "PUT", "/in/t", &[], &long).assert_error(507);
        once(&server, "PUT", "/in/new", &[], &long).assert_error(507);
        once(&server, "POST", "/in/new", &[], &long).assert_error(507);
        patch(&server, "/in/t", 4, false, &long).assert_error(507);
        // Without a length the server learns it only when the disk is full.
        let mut client = Client::new(&server);
        client.ask("PUT", "/in/t", &["Transfer-Encoding: chunked"]);
        let _ = client.try_send(format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len()));
        client.response().assert_error(507);
        // Nothing has changed, and the tail goes on.
        assert_eq!(etag(&server, "/in/t"), before);
        assert_eq!(once(&server, "POST", "/in/t", &[], "two\n").status, 204);
        tail.wait_for(8);
        let entries = std::fs::read_dir(inside).expect("a directory").count();
        assert_eq!(entries, 1);
    });
}

/// fallocate(2) of ext4 keeps what it has got when it fails.
#[test]
fn a_record_that_a_disk_is_too_small_for_takes_no_space() {
    let dir = TempDir::new();
    dir.mkdir("in");
    let image = dir.join("image");
    let file = fs::File::create(&image).expect("a file");
    file.set_len(8 << 20).expect("a length");
    let image = image.to_str().expect("UTF-8");
    if !is_root() || !succeeds("mkfs.ext4", &["-q", "-F", "-m", "0", image]) {
        return skip("no ext4 can be made and mounted");
    }
    let place = dir.join("in");
    let script = format!(
        "set -- unshare -m sh -ec 'mount -o loop {image} {}; exec \"$@\"' sh \"$@\"",
        place.display()
    );
    let options = ["--write", "/in", "--append-max", "20000000"];
    let server = match Server::after(&script, &dir, &options) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no file in a file can be mounted: {why}")),
    };
    let inside = server.running.path_inside(&place);
    let free = || {
        let found = rustix::fs::statvfs(&inside).expect("a file system");
        found.f_bavail * found.f_frsize
    };
    assert_eq!(once(&server, "POST", "/in/t", &[], "one\n").status, 201);
    let before = free();
    let long = "x".repeat(16 << 20);
    let response = once(&server, "POST", "/in/t", &[], &long);
    response.assert_error(507);
    assert_eq!(response.field("Upload-Offset"), "4");
    // Some blocks may go to what the journal or another name takes.
    assert!(free() + 100_000 > before, "{} of {before}", free());
    let half = &long[..before as usize / 2];
    assert_eq!(once(&server, "POST", "/in/u", &[], half).status, 201);
    assert_eq!(once(&server, "POST", "/in/t", &[], "two\n").status, 204);
}

/// What a quota says (EDQUOT) is 507 too, and leaves nothing: here to fallocate(2), with which a write of several blocks begins.
#[test]
fn a_quota_that_is_used_up() {
    let dir = TempDir::new();
    dir.mkdir("in");
    let lacks = [(libc::SYS_fallocate, libc::EDQUOT)];
    let server = match Server::without(&lacks, &dir, &["--write", "/in"]) {
        Ok(server) => server,
        Err(why) => return skip(&format!("no filter of system calls: {why}")),
    };
    assert_eq!(once(&server, "POST", "/in/t", &[], "one\n").status, 201);
    let long = "x".repeat(100_000);
    for (target, end) in [("/in/t", Some("4")), ("/in/new", None)] {
        let response = once(&server, "POST", target, &[], &long);
        response.assert_error(507);
        assert_eq!(response.get("Upload-Offset"), end, "{target}");
    }
    patch(&server, "/in/t", 4, false, &long).assert_error(507);
    assert_eq!(once(&server, "POST", "/in/t", &[], "two\n").status, 204);
    assert_eq!(read(&dir, "in/t"), "one\ntwo\n");
    assert_eq!(names(&dir, "in"), ["t"]);
}

#[test]
fn small_records_fill_a_disk() {
    in_namespace(module_path!(), "small_records_fill_a_disk", || {
        // A whole page, within pages and across them.
        for length in [4096, 1000, 100] {
            let dir = TempDir::new();
            dir.mkdir("in");
            let script = format!(
                "mount -t tmpfs -o size=64k tmpfs {}",
                dir.join("in").display()
            );
            let server = Server::after(&script, &dir, &["--write", "/in"]).expect("a server");
            let record = "x".repeat(length - 1) + "\n";
            let mut client = Client::new(&server);
            let mut count = 0;
            let refused = loop {
                let response = write(&mut client, "POST", "/in/t", &[], &record);
                if response.status >= 300 {
                    break response;
                }
                count += 1;
                assert!(count * length <= 65_536, "more than the disk has");
            };
            refused.assert_error(507);
            assert_eq!(refused.field("Upload-Offset"), (count * length).to_string());
            assert!((count + 2) * length + 4096 > 65_536, "{count} of {length}");
            let body = client.get("/in/t", &[]).body;
            assert!(body == record.repeat(count).as_bytes(), "{length}");
        }
    });
}

#[test]
fn a_read_only_file_system() {
    in_namespace(module_path!(), "a_read_only_file_system", || {
        let dir = TempDir::new();
        dir.mkdir("in");
        let place = dir.join("in");
        let script = format!(
            "mount -t tmpfs tmpfs {0}; echo one >{0}/t; mount -o remount,ro {0}",
            place.display()
        );
        let server = Server::after(&script, &dir, &["--write", "/in"]).expect("a server");
        for (method, target) in [
            ("POST", "/in/t"),
            ("POST", "/in/new"),
            ("PUT", "/in/t"),
            ("DELETE", "/in/t"),
        ] {
            once(
                &server,
                method,
                target,
                &[],
                if method == "DELETE" { "" } else { "x" },
            )
            .assert_error(403);
        }
        let response = once(&server, "MOVE", "/in/t", &["Destination: /in/u"], "");
        response.assert_error(403);
    });
}

#[test]
fn another_file_system() {
    in_namespace(module_path!(), "another_file_system", || {
        let dir = TempDir::new();
        dir.mkdir("in/sub");
        dir.write("in/t", "one\n");
        let script = format!("mount -t tmpfs tmpfs {}", dir.join("in/sub").display());
        let server = Server::after(&script, &dir, &["--write", "/in"]).expect("a server");
        let response = once(&server, "MOVE", "/in/t", &["Destination: /in/sub/t"], "");
        response.assert_error(403);
        assert_eq!(read(&dir, "in/t"), "one\n");
        assert_eq!(once(&server, "PUT", "/in/sub/t", &[FSYNC], "x").status, 201);
    });
}

#[test]
fn a_limit_of_the_size_of_files() {
    let dir = TempDir::new();
    dir.mkdir("in");
    // In blocks of 512 bytes.
    let server = Server::after("ulimit -f 2", &dir, &["--write", "/in"]).expect("a server");
    let body = "x".repeat(1000);
    assert_eq!(once(&server, "POST", "/in/t", &[], &body).status, 201);
    let response = once(&server, "POST", "/in/t", &[], &body);
    response.assert_error(413);
    let length = dir.join("in/t").metadata().expect("a file").len();
    assert_eq!(response.field("Upload-Offset"), length.to_string());
    once(&server, "PUT", "/in/t", &[], "y".repeat(5000)).assert_error(413);
    assert_eq!(once(&server, "POST", "/in/u", &[], "small").status, 201);
    assert_eq!(names(&dir, "in"), ["t", "u"]);
}

/// A request, what was there before, and what is there when it was carried out: contents of `in/a` and `in/sub/b`.
type Deed = (&'static str, &'static [&'static str], Files, Files);
type Files = [Option<&'static str>; 2];

const DEEDS: &[Deed] = &[
    ("POST", &[], [None, None], [Some("new\n"), None]),
    (
        "POST",
        &[],
        [Some("old\n"), None],
        [Some("old\nnew\n"), None],
    ),
    ("PUT", &[], [None, None], [Some("new\n"), None]),
    ("PUT", &[], [Some("old\n"), None], [Some("new\n"), None]),
    (
        "MOVE",
        &["Destination: /in/sub/b"],
        [Some("old\n"), None],
        [None, Some("old\n")],
    ),
    (
        "MOVE",
        &["Destination: /in/sub/b"],
        [Some("old\n"), Some("other\n")],
        [None, Some("old\n")],
    ),
    ("DELETE", &[], [Some("old\n"), None], [None, None]),
];

/// At whatever step descriptors run out: what is answered as failed has not happened.
#[test]
fn descriptors_run_out_at_each_step() {
    const STEPS: u64 = 12;
    let limit = |server: &Server, descriptors: Option<u64>| {
        let pid = Pid::from_raw(server.running.id().cast_signed());
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = descriptors.or(maximum);
        prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).expect("prlimit");
    };
    for (method, fields, before, after) in DEEDS {
        // The files are not open yet at each of these steps.
        let steps = (0..STEPS).map(|step| {
            let (dir, server) = writable(&[]);
            for (name, content) in ["in/a", "in/sub/b"].iter().zip(before) {
                content.inspect(|content| dir.write(name, content));
            }
            let files = || ["in/a", "in/sub/b"].map(|name| fs::read_to_string(dir.join(name)).ok());
            let mut client = Client::new(&server);
            assert_eq!(client.get("/missing", &[]).status, 404);
            let open = server.running.descriptors() as u64;
            limit(&server, Some(open + step));
            let body = if ["POST", "PUT"].contains(method) {
                "new\n"
            } else {
                ""
            };
            let fields = [&[FSYNC], *fields].concat();
            let response = write(&mut client, method, "/in/a", &fields, body);
            limit(&server, None);
            let (status, now) = (response.status, files());
            let now = now.each_ref().map(Option::as_deref);
            match status {
                200..300 => assert_eq!(now, *after, "{method} {step}"),
                // A file that was created for a record that could not be written may stay, without it.
                503 if now[0] == Some("") => assert_eq!(*before, [None, None], "{method} {step}"),
                503 => assert_eq!(now, *before, "{method} {step}"),
                _ => panic!("{method} {step}: {status}"),
            }
            status
        });
        let steps: Vec<u16> = steps.collect();
        assert!(steps[0] == 503 && steps[steps.len() - 1] < 300, "{steps:?}");
    }
}
