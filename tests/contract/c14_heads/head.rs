//! One of many heads.

use std::ops::Deref;
use std::path::Path;

use crate::support::client::Client;
use crate::support::harness::Server;

/// A server that tells its metrics.
pub struct Head {
    server: Server,
    admin: String,
}

impl Head {
    pub fn start(root: &Path, options: &[&str]) -> Head {
        let server = Server::with(root, &[options, &["--admin", "127.0.0.1:0"]].concat());
        let line = server.running.stdout.wait_for(&["admin on http://"]);
        let admin = line.trim_start_matches("admin on http://");
        Head {
            admin: admin.trim_end_matches('/').to_owned(),
            server,
        }
    }

    /// The value of a metric now.
    pub fn metric(&self, name: &str) -> u64 {
        let mut client = Client::to(&self.admin);
        client.ask("GET", "/metrics", &[]);
        let text = String::from_utf8(client.response().body).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.expect("a metric").trim();
        value.parse().expect("a number")
    }
}

impl Deref for Head {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
