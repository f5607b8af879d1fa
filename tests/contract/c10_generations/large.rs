//! A directory of 100,000 entries: bounded memory, and nobody else waits.

use std::os::fd::AsFd;

use super::select::tag;
use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;

#[test]
fn a_hundred_thousand_entries() {
    let dir = TempDir::in_memory();
    dir.write("log", "1\n");
    dir.mkdir("many");
    let many = std::fs::File::open(dir.join("many")).expect("a directory");
    for index in 0..100_000 {
        // Half of them look like earlier generations.
        let name = match index % 2 {
            0 => format!("log.{}", index / 2 + 1),
            _ => format!("queue-{index}"),
        };
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
        rustix::fs::openat(many.as_fd(), name, flags, mode).expect("a file");
    }
    dir.write("many/log", "1\n");
    let server = Server::with(&dir, &["--threads", "1"]);
    let current = tag(&server, "/many/log");
    let mut source = Source::open(&server, "/many/log", None);
    source.expect(&["1"]);
    let place = source.id.clone();
    drop(source);
    let before = server.running.resident();
    let mut searches = Vec::new();
    for _ in 0..20 {
        let mut client = Client::new(&server);
        client.ask("GET", "/many/log?generation=0123456789abcdef", &[]);
        searches.push(client);
        // An ordinary request is answered while a thread looks.
        assert_eq!(get(&server, "/log", &[]).body, b"1\n");
    }
    for mut client in searches {
        client.response().assert_error(404);
    }
    let list = get(&server, "/many/log?generations", &[]);
    assert_eq!(list.status, 200);
    let count = list.body.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(
        count,
        openrange::limits::GENERATIONS_MAX + 1 + 2,
        "the newest, and the current one"
    );
    dir.rename("many/log", "many/rolled");
    dir.write("many/log", "2\n");
    let mut source = Source::open(&server, "/many/log", Some(&place));
    source.expect_kind("roll");
    source.expect(&["2"]);
    assert_eq!(
        get(&server, &format!("/many/log?generation={current}"), &[]).body,
        b"1\n"
    );
    let grown = server.running.resident().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
}
