//! Requests that come together and append to the same file: each is answered as if it had come alone.

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::read;
use crate::support::client::{Client, Response, request};
use crate::support::harness::{Server, TempDir};
use crate::support::waiting::eventually;

/// A server with one worker, and so many connections that have appended a line to `/in/t` already.
fn producers(count: usize) -> (TempDir, Server, Vec<Client>) {
    producers_with(count, &[])
}

fn producers_with(count: usize, options: &[&str]) -> (TempDir, Server, Vec<Client>) {
    let dir = TempDir::new();
    dir.mkdir("in");
    let options = [&["--write", "/in", "--threads", "1"], options].concat();
    let server = Server::with(&dir, &options);
    let mut clients: Vec<Client> = (0..count).map(|_| Client::new(&server)).collect();
    for client in &mut clients {
        send(client, "POST", "/in/t", &[], "first\n");
        assert!(client.response().status < 300);
    }
    (dir, server, clients)
}

fn send(client: &mut Client, method: &str, target: &str, fields: &[&str], body: &str) {
    let length = format!("Content-Length: {}", body.len());
    let head = request(method, target, &[fields, &[length.as_str()]].concat());
    client.send([head, body.into()].concat());
}

fn end(response: &Response) -> usize {
    response.field("Upload-Offset").parse().expect("a number")
}

#[test]
fn each_receipt_tells_where_its_record_ends() {
    let (dir, server, mut clients) = producers(24);
    let before = read(&dir, "in/t").len();
    server.freeze();
    let mut records = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let record = format!("{number} {}", "x".repeat(number * 400));
        let (target, line) = match number % 3 {
            0 => ("/in/t?line", true),
            1 => ("/in/t", false),
            _ => ("/in/u", false),
        };
        let on_disk = number % 4 < 2;
        let fields: &[&str] = if on_disk { &["Prefer: fsync"] } else { &[] };
        send(client, "POST", target, fields, &record);
        records.push((record + if line { "\n" } else { "" }, target, on_disk));
    }
    server.thaw();
    let mut ends = Vec::new();
    for (client, (record, target, on_disk)) in clients.iter_mut().zip(&records) {
        let response = client.response();
        assert!(matches!(response.status, 201 | 204), "{}", response.status);
        let applied = response.get("Preference-Applied");
        assert_eq!(applied, on_disk.then_some("fsync"));
        let name = &target[1..][..4];
        let end = end(&response);
        assert_eq!(&read(&dir, name)[end - record.len()..end], record);
        ends.push((name, end, record.len()));
    }
    for (name, before) in [("in/t", before), ("in/u", 0)] {
        let of_this = ends.iter().filter(|(named, ..)| *named == name);
        let written: usize = of_this.map(|(_, _, length)| length).sum();
        assert_eq!(read(&dir, name).len(), before + written, "{name}");
    }
}

#[test]
fn what_asks_for_more_than_to_be_appended() {
    let (dir, server, mut clients) = producers(5);
    let length = read(&dir, "in/t").len();
    server.freeze();
    send(&mut clients[0], "POST", "/in/t", &[], "a\n");
    send(
        &mut clients[1],
        "POST",
        "/in/t",
        &["If-Match: \"other\""],
        "b\n",
    );
    let digest = "Content-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    send(&mut clients[2], "POST", "/in/t", &[digest], "c\n");
    send(&mut clients[3], "POST", "/in/t", &[], "");
    send(&mut clients[4], "POST", "/in/t", &[], "e\n");
    server.thaw();
    let statuses: Vec<u16> = clients
        .iter_mut()
        .map(|each| each.response().status)
        .collect();
    assert_eq!(statuses, [204, 412, 400, 400, 204]);
    let written = read(&dir, "in/t");
    let mut lines: Vec<&str> = written[length..].lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "e"]);
}

/// The records that fit are there, one is cut, and whoever sent it or what would come behind it learns that.
#[test]
fn a_write_that_ends_in_the_middle() {
    const RECORD: usize = 200;
    let (dir, server, mut clients) = producers(8);
    let before = read(&dir, "in/t").len();
    let limit = before + 5 * RECORD + RECORD / 2;
    let pid = i32::try_from(server.running.id())
        .ok()
        .and_then(Pid::from_raw);
    let limits = Rlimit {
        current: Some(limit as u64),
        maximum: Some(limit as u64),
    };
    prlimit(pid, Resource::Fsize, limits).expect("a lower limit");
    server.freeze();
    for (number, client) in clients.iter_mut().enumerate() {
        let record = number.to_string().repeat(RECORD);
        send(client, "POST", "/in/t", &[], &record);
    }
    server.thaw();
    let (mut done, mut refused) = (Vec::new(), 0);
    for (number, client) in clients.iter_mut().enumerate() {
        let response = client.response();
        match response.status {
            204 => done.push((number, end(&response))),
            _ => {
                response.assert_error(413);
                assert_eq!(end(&response), limit);
                refused += 1;
            }
        }
    }
    assert_eq!((done.len(), refused), (5, 3));
    let written = read(&dir, "in/t");
    assert_eq!(written.len(), limit);
    for (number, end) in done {
        let record = number.to_string().repeat(RECORD);
        assert_eq!(written[end - RECORD..end], record);
    }
}

/// Files of one prefix that are open for appending share its descriptors, as long as its name leads there.
#[test]
fn many_files_are_kept_open_until_their_prefix_is_another_directory() {
    const FILES: usize = 150;
    // The sandbox would not permit writing to the other directory.
    let (dir, server, mut clients) = producers_with(1, &["--no-sandbox"]);
    let client = &mut clients[0];
    let descriptors = || {
        let list = std::fs::read_dir(format!("/proc/{}/fd", server.running.id()));
        list.expect("a process").count()
    };
    let before = descriptors();
    let mut append_to_all = |record: &str, status: u16| {
        for number in 0..FILES {
            send(client, "POST", &format!("/in/{number}"), &[], record);
            assert_eq!(client.response().status, status);
        }
    };
    append_to_all("one\n", 201);
    append_to_all("two\n", 204);
    let kept = descriptors() - before;
    assert!(kept <= 2 * FILES + 8, "{kept} descriptors");

    let path = |name: &str| dir.path().join(name);
    std::fs::rename(path("in"), path("old")).expect("renamed");
    dir.mkdir("in");
    append_to_all("three\n", 201);
    for number in 0..FILES {
        assert_eq!(read(&dir, &format!("old/{number}")), "one\ntwo\n");
        assert_eq!(read(&dir, &format!("in/{number}")), "three\n");
    }
    eventually("files are closed", || descriptors() <= before + 1);
}
