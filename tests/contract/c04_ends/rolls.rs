//! Followers of a log that is rolled again and again: every record exactly once.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::support::client::{Client, etag};
use crate::support::harness::{PATIENCE, Server, TempDir};

/// Follows a log until a record says that it is the last; tells of each file that its request has reached.
fn follow(address: &str, reached: &Sender<()>) -> Vec<String> {
    let mut client = Client::to(address);
    let mut records = Vec::new();
    loop {
        client.ask("GET", "/log", &["Range: bytes=0-"]);
        let head = client.head();
        if head.status == 404 {
            let length = head.field("Content-Length").parse().expect("a length");
            client.raw(length);
            continue;
        }
        assert_eq!(head.status, 206, "{head:?}");
        // The writer may be gone after the last roll.
        let _ = reached.send(());
        let body = if head.get("Transfer-Encoding").is_some() {
            client.rest().0
        } else {
            let length = head.field("Content-Length").parse().expect("a length");
            client.raw(length)
        };
        let text = String::from_utf8(body).expect("text");
        records.extend(text.lines().map(str::to_string));
        if text.ends_with("the end\n") {
            return records;
        }
    }
}

fn wait_for_all(reached: &[Receiver<()>]) {
    for follower in reached {
        follower
            .recv_timeout(PATIENCE)
            .expect("a follower that comes");
    }
}

/// Writes a record and rolls the log in one breath, in each of the ways that publishers know.
fn roll(dir: &TempDir, number: usize) {
    let record = format!("record {number}\n");
    match number % 4 {
        0 => {
            dir.append("log", record);
            dir.rename("log", "log.1");
            dir.write("log", "");
        }
        1 => {
            dir.append("log", record);
            dir.remove("log");
            dir.write("log", "");
        }
        2 => {
            dir.write("next", "");
            dir.append("log", record);
            dir.rename("next", "log");
        }
        _ => {
            dir.write("next", record);
            dir.append("log", format!("before {number}\n"));
            dir.rename("log", "log.1");
            dir.rename("next", "log");
        }
    }
}

fn expected(rolls: usize) -> Vec<String> {
    let mut records = Vec::new();
    for number in 0..rolls {
        if number % 4 == 3 {
            records.push(format!("before {number}"));
        }
        records.push(format!("record {number}"));
    }
    records.push("the end".to_string());
    records
}

fn every_record_exactly_once(threads: &str, followers: usize, rolls: usize) {
    let dir = TempDir::with("log", "");
    let server = Server::with(&dir, &["--threads", threads]);
    let mut reached = Vec::new();
    let mut running = Vec::new();
    for _ in 0..followers {
        let (sender, receiver) = mpsc::channel();
        reached.push(receiver);
        let address = server.address.clone();
        running.push(thread::spawn(move || follow(&address, &sender)));
    }
    for number in 0..rolls {
        wait_for_all(&reached);
        roll(&dir, number);
    }
    wait_for_all(&reached);
    dir.append("log", "the end\n");
    dir.remove("log");
    for follower in running {
        assert_eq!(follower.join().expect("a follower"), expected(rolls));
    }
}

#[test]
fn one_follower_of_400_rolls_gets_every_record_exactly_once() {
    every_record_exactly_once("1", 1, 400);
}

#[test]
fn six_followers_on_two_threads_get_every_record_exactly_once() {
    every_record_exactly_once("2", 6, 200);
}

/// Nobody waits for the followers here: they miss files, but none of them may be left with one that is gone.
#[test]
fn a_name_that_changes_hands_all_the_time_leaves_no_tail_behind() {
    let dir = TempDir::with("log", "0\n");
    let server = Server::with(&dir, &["--threads", "2"]);
    let (sender, _receiver) = mpsc::channel();
    let running: Vec<_> = (0..3)
        .map(|_| {
            let (address, sender) = (server.address.clone(), sender.clone());
            thread::spawn(move || follow(&address, &sender))
        })
        .collect();
    for number in 1..4000 {
        dir.write("next", format!("{number}\n"));
        dir.rename("next", "log");
    }
    dir.write("next", "4000\nthe end\n");
    dir.chmod("next", 0o444);
    dir.rename("next", "log");
    for follower in running {
        let records = follower.join().expect("a follower");
        let numbers: Vec<u32> = records
            .iter()
            .filter_map(|record| record.parse().ok())
            .collect();
        assert_eq!(numbers.len() + 1, records.len(), "{records:?}");
        assert!(
            numbers.is_sorted_by(|one, other| one < other),
            "{numbers:?}"
        );
        assert_eq!(numbers.last(), Some(&4000));
    }
}

/// The roll falls into every moment of the look-up; no later one comes to wake whoever missed it.
#[test]
fn a_roll_while_the_request_is_looked_up_is_not_missed() {
    let dir = TempDir::with("log", "old");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut client = Client::new(&server);
    for round in 0..1500 {
        dir.write("log", "old");
        dir.write("next", "new");
        client.ask("GET", "/log", &["Range: bytes=0-"]);
        for _ in 0..round % 300 * 20 {
            std::hint::spin_loop();
        }
        dir.rename("next", "log");
        assert_eq!(client.head().status, 206);
        match client.take(3).as_slice() {
            b"old" => assert_eq!(client.rest().0, b""),
            b"new" => client = Client::new(&server),
            other => panic!("{other:?}"),
        }
        dir.remove("log");
    }
}

#[test]
fn a_parent_directory_may_be_rolled_too() {
    let dir = TempDir::new();
    dir.mkdir("day");
    dir.write("day/log", "");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for number in 0..100 {
        let record = format!("record {number}");
        client.tail("/day/log", &["Range: bytes=0-"]);
        dir.append("day/log", &record);
        dir.rename("day", &format!("day-{number}"));
        dir.mkdir("day");
        dir.write("day/log", "");
        assert_eq!(client.rest().0, record.as_bytes());
    }
}

#[test]
fn a_file_deleted_and_made_again_is_another_file() {
    let dir = TempDir::with("log", "x");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let mut seen = HashSet::new();
    for number in 0..3000 {
        dir.remove("log");
        dir.write("log", "x");
        let tag = client.head_of("/log", &[]).field("ETag").to_string();
        assert!(seen.insert(tag.clone()), "{tag} again, at number {number}");
    }
    assert_eq!(seen.len(), 3000);
    assert!(seen.contains(&etag(&server, "/log")));
}
