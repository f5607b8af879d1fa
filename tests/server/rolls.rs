//! Followers of a log that is rolled again and again: every record exactly once.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::client::{Client, etag};
use super::harness::{PATIENCE, Server, TempDir};

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
        let text = String::from_utf8(client.rest().0).expect("text");
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
