//! Origins that lie: what is not exactly the response that was asked for is neither data nor an end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::{Running, run};
use crate::support::harness::TempDir;

const TAG: &str = "W/\"0123456789abcdef\"";
const LIST: &str = "{\"path\":\"/log\",\"generations\":[{\"etag\":\"W/\\\"0123456789abcdef\\\"\",\"path\":\"/log\",\"size\":5,\
                    \"mtime\":1,\"sealed\":false,\"compressed\":null,\"current\":true}]}";

/// A server that gives the list, then these responses to tails, one on each connection, then the right one.
fn origin(wrong: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/log", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let (sender, keep) = mpsc::channel();
        let mut wrong = wrong.iter();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            if head.starts_with("GET /log?generations") {
                let length = LIST.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{LIST}"
                );
                continue;
            }
            match wrong.next() {
                Some(text) => {
                    let _ = stream.write_all(text.as_bytes());
                }
                None => {
                    let _ = write!(
                        stream,
                        "HTTP/1.1 206 Partial Content\r\nETag: {TAG}\r\nTransfer-Encoding: chunked\r\n\
                         Content-Range: bytes 0-9007199254740991/*\r\n\r\n5\r\nright\r\n"
                    );
                    // The tail stays open.
                    let _ = sender.send(stream);
                    let _ = &keep;
                }
            }
        }
    });
    url
}

#[test]
fn nothing_but_the_right_response_is_data() {
    // Pauses grow, so each follower gets a few of them.
    const WRONG: &[&str] = &[
        // Another status, a whole file, an error with a body.
        "HTTP/1.1 200 OK\r\nETag: W/\"0123456789abcdef\"\r\nContent-Length: 5\r\n\r\nwrong",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nwrong",
        // Another file, none.
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"fedcba9876543210\"\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-9007199254740991/*\r\n\r\n5\r\nwrong\r\n",
        "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-9007199254740991/*\r\n\r\n5\r\nwrong\r\n",
        // Another range.
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 3-9007199254740991/*\r\n\r\n5\r\nwrong\r\n",
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nContent-Length: 5\r\nContent-Range: bytes 0-8/9\r\n\r\nwrong",
        // A live body that nothing delimits.
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nContent-Range: bytes 0-9007199254740991/*\r\n\r\nwrong",
        // Two framings, and no HTTP at all.
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-4/5\r\n\r\nwrong",
        "220 mail.example.org ESMTP\r\n",
    ];
    let follows: Vec<Running> = WRONG
        .chunks(3)
        .map(|wrong| Running::start(&["follow", &origin(wrong)]))
        .collect();
    follows.iter().for_each(|follow| follow.has("right"));
}

#[test]
fn a_mirror_of_a_file_ends_with_fail_when_its_bytes_are_refused() {
    const REFUSED: &[&str] = &[
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
    ];
    let once = ["--until-caught-up"];
    for more in [&[][..], &once] {
        let (url, copies) = (origin(REFUSED), TempDir::new());
        let directory = copies.path().to_str().expect("UTF-8");
        let (code, _, err) = run(&[&["mirror", "--fail"], more, &[&url, directory]].concat());
        assert_eq!(code, Some(1), "{err}");
        assert!(err.ends_with("log: 403: no\n"), "{err}");
    }
}
