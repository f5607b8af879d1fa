//! Contract 12: writing over HTTP.

mod appends;
mod bodies;
mod clients;
mod disk;
mod killed;
mod patches;
mod producers;
mod refusals;
mod replacing;
mod rights;
mod smuggling;
mod together;

use crate::support::client::{Client, Response, request};
use crate::support::harness::{Server, TempDir};

/// A server below whose `/in` everything may be written.
pub fn writable(options: &[&str]) -> (TempDir, Server) {
    let dir = TempDir::new();
    dir.mkdir("in/sub");
    dir.mkdir("out");
    let options = [&["--write", "/in", "--threads", "2"], options].concat();
    let server = Server::with(&dir, &options);
    (dir, server)
}

/// One request with a body.
pub fn write(
    client: &mut Client,
    method: &str,
    target: &str,
    fields: &[&str],
    body: impl AsRef<[u8]>,
) -> Response {
    let body = body.as_ref();
    let length = format!("Content-Length: {}", body.len());
    let fields = [fields, &[length.as_str()]].concat();
    let head = request(method, target, &fields);
    client.send([head.as_bytes(), body].concat());
    client.response()
}

/// The same on a connection of its own.
pub fn once(
    server: &Server,
    method: &str,
    target: &str,
    fields: &[&str],
    body: impl AsRef<[u8]>,
) -> Response {
    write(&mut Client::new(server), method, target, fields, body)
}

/// A PATCH that appends at an offset.
pub fn patch(
    server: &Server,
    target: &str,
    offset: u64,
    complete: bool,
    body: impl AsRef<[u8]>,
) -> Response {
    let offset = format!("Upload-Offset: {offset}");
    let complete = format!("Upload-Complete: ?{}", u8::from(complete));
    let media = "Content-Type: application/partial-upload";
    once(server, "PATCH", target, &[media, &offset, &complete], body)
}

pub fn read(dir: &TempDir, name: &str) -> String {
    let bytes = std::fs::read(dir.join(name)).expect("a file");
    String::from_utf8(bytes).expect("text")
}

/// The names in a directory, hidden ones too.
pub fn names(dir: &TempDir, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join(name)).expect("a directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("text")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}
