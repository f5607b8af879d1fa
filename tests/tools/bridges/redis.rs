//! Redis: a script adds entries to a stream and stores the position.

use std::process::Command;

use super::{Record, Sink, all_installed, example, refuses_a_part, ships_exactly_once};
use crate::support::harness::{Running, TempDir, eventually};
use crate::support::machine::free_port;

struct Redis {
    port: String,
    home: TempDir,
    server: Option<Running>,
}

impl Redis {
    fn start() -> Redis {
        let mut redis = Redis {
            port: free_port().to_string(),
            home: TempDir::new(),
            server: None,
        };
        redis.run();
        redis
    }

    fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port, "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]);
        self.server = Some(Running::new({
            command.arg(self.home.path());
            command
        }));
        eventually("Redis", || {
            self.cli(&["ping"])
                .output()
                .is_ok_and(|output| output.stdout == b"PONG\n")
        });
    }

    fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port]).args(arguments);
        command
    }
}

impl Sink for Redis {
    fn command(&self) -> Command {
        let mut command = example("ship-redis.sh");
        command.args(["log", "-p", &self.port]);
        command
    }

    fn records(&self) -> Vec<Record> {
        let output = self.cli(&["xrange", "log", "-", "+"]).output();
        let output = output.expect("redis-cli").stdout;
        // The id, and two names and values.
        let fields: Vec<&[u8]> = output.split(|&byte| byte == b'\n').collect();
        let entries = fields.chunks_exact(5).map(|entry| {
            assert_eq!((entry[1], entry[3]), (&b"position"[..], &b"line"[..]));
            let position = String::from_utf8_lossy(entry[2]).into_owned();
            (position, entry[4].to_vec())
        });
        entries.collect()
    }

    fn crash(&mut self) {
        self.server.take();
        self.run();
    }
}

#[test]
fn redis() {
    if !all_installed(&["redis-server", "redis-cli"]) {
        return;
    }
    let mut sink = Redis::start();
    ships_exactly_once(&mut sink);
    refuses_a_part(&sink);
}
