//! Several who write to the same file at the same time: over HTTP, with the lock and without it, and a server that is
//! killed in between.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use openrange::limits::LOCK_PATIENCE;
use rustix::fs::{FlockOperation, flock};

use super::{once, patch, read, writable, write};
use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir};

fn appender(dir: &TempDir, name: &str) -> File {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(dir.join(name))
        .expect("a file")
}

#[test]
fn local_writers_and_producers() {
    const RECORDS: usize = 300;
    let (dir, server) = writable(&[]);
    let mut plain = appender(&dir, "in/t");
    let mut locked = appender(&dir, "in/t");
    let filler = "-".repeat(500);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                let line = format!("plain {number} {filler}\n");
                assert_eq!(plain.write(line.as_bytes()).expect("write"), line.len());
            }
        });
        scope.spawn(|| {
            for number in 0..RECORDS {
                flock(&locked, FlockOperation::LockExclusive).expect("flock");
                let line = format!("locked {number} {filler}\n");
                assert_eq!(locked.write(line.as_bytes()).expect("write"), line.len());
                flock(&locked, FlockOperation::Unlock).expect("flock");
            }
        });
        for producer in 0..3 {
            let (server, filler) = (&server, &filler);
            scope.spawn(move || {
                let mut client = Client::new(server);
                for number in 0..RECORDS {
                    let line = format!("http{producer} {number} {filler}");
                    let response = write(&mut client, "POST", "/in/t?line", &[], line);
                    assert_eq!(response.status, 204);
                }
            });
        }
    });
    let mut next: HashMap<String, usize> = HashMap::new();
    for line in read(&dir, "in/t").lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            (parts.len(), parts[2]),
            (3, filler.as_str()),
            "a torn record: {line}"
        );
        let expected = next.entry(parts[0].into()).or_default();
        assert_eq!(parts[1], expected.to_string(), "{line}");
        *expected += 1;
    }
    assert_eq!(next.len(), 5);
    assert!(next.values().all(|count| *count == RECORDS), "{next:?}");
}

#[test]
fn a_lock_that_somebody_holds() {
    let (dir, server) = writable(&[]);
    let file = appender(&dir, "in/t");
    // A machine that has no time for it is asked again.
    let written = (0..5).any(|_| {
        flock(&file, FlockOperation::LockExclusive).expect("flock");
        let asked = Instant::now();
        let mut producer = Client::new(&server);
        producer.send(request("POST", "/in/t", &["Content-Length: 4"]) + "one\n");
        // Nobody else waits.
        for _ in 0..20 {
            let response = once(&server, "POST", "/in/u", &[], "x");
            assert!(response.status < 300);
        }
        assert_eq!(read(&dir, "in/t"), "");
        flock(&file, FlockOperation::Unlock).expect("flock");
        let in_time = asked.elapsed() < LOCK_PATIENCE / 2;
        let status = producer.response().status;
        assert!(status == 204 || status == 503 && !in_time, "{status}");
        status == 204
    });
    assert!(written, "a machine that is too slow");
    // For ever nobody waits.
    flock(&file, FlockOperation::LockExclusive).expect("flock");
    let response = once(&server, "POST", "/in/t", &[], "two\n");
    response.assert_error(503);
    assert_eq!(response.field("Retry-After"), "1");
    drop(file);
    assert_eq!(read(&dir, "in/t"), "one\n");
}

#[test]
fn one_of_many_comes_at_an_offset() {
    let (dir, server) = writable(&[]);
    for round in 0..20 {
        let offset = round * 8;
        let statuses: Vec<u16> = thread::scope(|scope| {
            let tries: Vec<_> = (0..6)
                .map(|producer| {
                    let server = &server;
                    scope.spawn(move || {
                        let line = format!("{round:03} p{producer}\n");
                        patch(server, "/in/t", offset, false, line.clone() + "\n").status
                    })
                })
                .collect();
            tries
                .into_iter()
                .map(|each| each.join().expect("a thread"))
                .collect()
        });
        let done = statuses.iter().filter(|status| **status < 300).count();
        assert_eq!(done, 1, "{statuses:?}");
        assert!(
            statuses
                .iter()
                .all(|status| [201, 204, 409].contains(status)),
            "{statuses:?}"
        );
    }
    assert_eq!(read(&dir, "in/t").len(), 160);
}

/// Appends lines with PATCH, and again whenever the response was lost, to a server that is killed now and then.
#[test]
fn every_acknowledged_record_once() {
    const RECORDS: usize = 400;
    let dir = TempDir::new();
    dir.mkdir("in");
    let socket = format!("unix:{}", dir.join("socket").display());
    let launch = || {
        let mut command = crate::support::harness::openrange(&[]);
        command
            .args(["--write", "/in", "--listen", &socket])
            .arg(dir.path());
        Server::launch(command)
    };
    let mut server = launch();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (address, ended) = (server.address.clone(), &done);
        let producer = scope.spawn(move || {
            let (mut offset, mut connection) = (0, None);
            for number in 0..RECORDS {
                let line = format!("record {number}\n");
                offset = append_once(&address, &mut connection, offset, &line);
            }
            ended.store(true, Ordering::Release);
            offset
        });
        while !done.load(Ordering::Acquire) {
            // The pace of the kills.
            thread::sleep(std::time::Duration::from_millis(15));
            server.running.kill();
            server = launch();
        }
        let offset = producer.join().expect("the producer");
        let text = read(&dir, "in/t");
        assert_eq!(text.len() as u64, offset);
        let expected: String = (0..RECORDS)
            .map(|number| format!("record {number}\n"))
            .collect();
        assert_eq!(text, expected);
    });
}

/// Appends a record at an offset, as often as it takes until it is acknowledged. Gives the length of the file.
fn append_once(address: &str, connection: &mut Option<Client>, offset: u64, line: &str) -> u64 {
    loop {
        match try_append(address, connection, offset, line) {
            Ok(offset) => return offset,
            Err(_) => {
                *connection = None;
                thread::sleep(std::time::Duration::from_millis(2));
            }
        }
    }
}

fn try_append(
    address: &str,
    connection: &mut Option<Client>,
    offset: u64,
    line: &str,
) -> std::io::Result<u64> {
    if connection.is_none() {
        *connection = Some(Client::try_to(address)?);
    }
    let client = connection.as_mut().expect("there is one");
    let fields = [
        "Content-Type: application/partial-upload",
        &format!("Upload-Offset: {offset}"),
        "Upload-Complete: ?0",
        &format!("Content-Length: {}", line.len()),
    ];
    client.try_send(request("PATCH", "/in/t", &fields) + line)?;
    let response = client.try_response()?;
    assert!([201, 204].contains(&response.status), "{response:?}");
    Ok(response.field("Upload-Offset").parse().expect("a number"))
}
