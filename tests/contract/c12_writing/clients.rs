//! Producers of other authors, where they are installed: each creates a file, appends twice on one connection, is refused
//! once, and says what it was told.

use std::process::{Command, Stdio};

use super::{names, read, writable};
use crate::support::machine::{skip, succeeds};

/// What each of them writes to stdout: the statuses and the last length.
const EXPECTED: &str = "201 204 204 409 14\n";

const HTTP_CLIENT: &str = r#"
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
def ask(method, body, fields={}):
    c.request(method, "/in/t?line", body=body, headers=fields)
    r = c.getresponse()
    r.read()
    return r
def chunks():
    yield b"th"
    yield b"ree"
first = ask("POST", "one")
second = ask("POST", "two\n", {"Prefer": "fsync"})
third = ask("POST", chunks())
refused = ask("PUT", "", {"Upload-Offset": "5"})
length = ask("POST", b"").status == 400 and ask("HEAD", None).getheader("Upload-Offset")
print(first.status, second.status, third.status, refused.status, length)
"#;

const FETCH: &str = r#"
const url = `http://127.0.0.1:${process.argv[1]}/in/t`;
const ask = async (method, body, headers = {}) => {
  const r = await fetch(url + "?line", { method, body, headers });
  await r.text();
  return r;
};
(async () => {
  const first = await ask("POST", "one");
  const second = await ask("POST", "two\n", { Prefer: "fsync" });
  const stream = new Blob(["th", "ree"]).stream();
  const third = await fetch(url + "?line", { method: "POST", body: stream, duplex: "half" });
  const refused = await ask("PUT", "", { "Upload-Offset": "5" });
  const head = await fetch(url, { method: "HEAD" });
  console.log(first.status, second.status, third.status, refused.status, head.headers.get("Upload-Offset"));
})();
"#;

const CURL: &str = r#"
url=http://127.0.0.1:$1/in/t
ask() { curl -sS -o /dev/null -w '%{http_code} ' "$@"; }
ask "$url?line" -d one
ask "$url?line" --data-binary 'two
' -H 'Prefer: fsync'
printf three | ask "$url?line" -X POST -T - -H 'Expect: 100-continue'
ask "$url" -X PUT -d '' -H 'Upload-Offset: 5'
curl -sSI "$url" | tr -d '\r' | sed -n 's/^Upload-Offset: //p'
"#;

/// No library at all: a socket, and what RFC 9112 says.
const C: &str = r#"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
    struct sockaddr_in a = { AF_INET, htons(atoi(v[1])), { htonl(INADDR_LOOPBACK) }, { 0 } };
    const char *asked[] = { "POST /in/t?line HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\n\r\none",
        "POST /in/t HTTP/1.1\r\nHost:\r\nContent-Length: 4\r\n\r\ntwo\n",
        "POST /in/t?line HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nth\r\n3\r\nree\r\n0\r\n\r\n",
        "PUT /in/t HTTP/1.1\r\nHost:\r\nUpload-Offset: 5\r\nContent-Length: 0\r\n\r\n" };
    int s = socket(AF_INET, SOCK_STREAM, 0), i, got;
    char text[4096];
    if (n < 2 || connect(s, (struct sockaddr *)&a, sizeof a)) return 1;
    for (i = 0; i < 4; i++) {
        if (write(s, asked[i], strlen(asked[i])) < 0) return 2;
        if ((got = read(s, text, sizeof text - 1)) <= 0) return 3;
        text[got] = 0;
        printf("%d ", atoi(text + 9));
    }
    puts(strstr(text, "Upload-Offset: ") ? strtok(strstr(text, "Upload-Offset: ") + 15, "\r") : "none");
    return 0;
}
"#;

/// Runs such a producer; the port is its last argument.
fn produces(program: &str, arguments: &[&str]) {
    let (dir, server) = writable(&[]);
    let (_, port) = server.address.rsplit_once(':').expect("a port");
    let output = Command::new(program)
        .args(arguments)
        .arg(port)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.expect("the program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said.replace(" \n", "\n"),
        EXPECTED,
        "{program} {arguments:?}"
    );
    assert_eq!(read(&dir, "in/t"), "one\ntwo\nthree\n");
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
}

#[test]
fn http_client_of_python() {
    match succeeds("python3", &["--version"]) {
        true => produces("python3", &["-c", HTTP_CLIENT]),
        false => skip("no python3"),
    }
}

#[test]
fn fetch_of_node() {
    match succeeds("node", &["-e", "fetch"]) {
        true => produces("node", &["-e", FETCH]),
        false => skip("no node with fetch"),
    }
}

#[test]
fn curl() {
    match succeeds("curl", &["--version"]) {
        true => produces("bash", &["-c", CURL, "bash"]),
        false => skip("no curl"),
    }
}

#[test]
fn sockets_in_c() {
    if !succeeds("cc", &["--version"]) {
        return skip("no C compiler");
    }
    let dir = crate::support::harness::TempDir::with("producer.c", C);
    let (source, program) = (dir.join("producer.c"), dir.join("producer"));
    let (source, program) = (source.display().to_string(), program.display().to_string());
    assert!(succeeds("cc", &["-o", &program, &source]), "{C}");
    produces(&program, &[]);
}
