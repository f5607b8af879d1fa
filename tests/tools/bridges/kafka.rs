//! The Kafka protocol: kcat, and the broker that librdkafka has for tests.

use std::process::Command;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::{Record, Sink, all_installed, example, refuses_a_part, ships_at_least_once};
use crate::support::harness::{Running, TempDir};

/// It loses everything when it ends, so it is not killed.
struct Kafka {
    address: String,
    _broker: Running,
    _home: TempDir,
}

impl Kafka {
    /// A producer with a cluster within it, which waits for input that never comes.
    fn start() -> Kafka {
        let home = TempDir::new();
        let input = home.join("input");
        mkfifoat(CWD, &input, Mode::RUSR | Mode::WUSR).expect("mkfifo");
        let mut command = Command::new("sh");
        let script =
            "exec kcat -P -t unused -b unused:1 -X test.mock.num.brokers=1 -X debug=mock 0<>\"$0\"";
        command.args(["-c", script]).arg(&input);
        let broker = Running::new(command);
        let line = broker.stderr.wait_for(&["bootstrap.servers=127.0.0.1:"]);
        let (_, address) = line.rsplit_once('=').expect("an address");
        Kafka {
            address: address.to_owned(),
            _broker: broker,
            _home: home,
        }
    }
}

impl Sink for Kafka {
    fn command(&self) -> Command {
        let mut command = example("ship-kafka.sh");
        command.arg(&self.address).arg("log");
        command
    }

    fn records(&self) -> Vec<Record> {
        let mut command = Command::new("kcat");
        command.args(["-C", "-e", "-q", "-o", "beginning", "-t", "log", "-K", "\t"]);
        // A broker that has no more holds a request back for half a second, in which nobody could see what has come.
        for pause in ["fetch.wait.max.ms=10", "fetch.error.backoff.ms=10"] {
            command.args(["-X", pause]);
        }
        keyed(command.args(["-b", &self.address]))
    }
}

/// What a program writes: for each record a key, a tab and the line.
pub fn keyed(command: &mut Command) -> Vec<Record> {
    let output = command.output().expect("the program");
    assert!(output.status.success(), "{output:?}");
    let records = output
        .stdout
        .split_inclusive(|&byte| byte == b'\n')
        .map(|record| {
            let tab = record
                .iter()
                .position(|&byte| byte == b'\t')
                .expect("a tab");
            let key = String::from_utf8_lossy(&record[..tab]).into_owned();
            (key, record[tab + 1..record.len() - 1].to_vec())
        });
    records.collect()
}

#[test]
fn kafka() {
    if !all_installed(&["kcat"]) {
        return;
    }
    let mut sink = Kafka::start();
    ships_at_least_once(&mut sink);
    refuses_a_part(&sink);
}

/// A batch of which awk wrote a part only must not count as shipped.
#[test]
fn a_batch_that_cannot_be_keyed_is_refused() {
    let home = TempDir::new();
    for (program, script) in [
        ("awk", "#!/bin/sh\necho one\nexit 1\n"),
        ("kcat", "#!/bin/sh\ncat >/dev/null\n"),
    ] {
        home.write(program, script);
        home.chmod(program, 0o755);
    }
    let path = std::env::var("PATH").expect("a path");
    let mut command = example("ship-kafka.sh");
    command
        .args(["unused:1", "log"])
        .env("PATH", format!("{}:{path}", home.path().display()))
        .env("OPENRANGE_ETAG", "W/\"0000000000000001\"")
        .env("OPENRANGE_OFFSET", "0")
        .env("OPENRANGE_END", "0")
        .stdin(std::process::Stdio::null());
    assert_eq!(command.status().expect("sh").code(), Some(1));
}
