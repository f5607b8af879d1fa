//! The files that had the name, in order: what the judge knows. And a server of them as the contract describes it, naive on
//! purpose: one response after the other.

use std::collections::VecDeque;

use openrange::http::conditional::ETag;

use super::Fault;
use super::directory::{Directory, LOG};
use super::server::Conn;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has the name or had it. A truncation begins another one.
    Log,
    /// A copy of one, under the name of an earlier generation.
    Copy,
    /// A compressed copy of this one.
    Compressed(usize),
}

/// A file that has the name or had it, or a copy of one.
pub struct File {
    pub kind: Kind,
    /// Where its bytes are.
    pub inode: usize,
    pub tag: ETag,
    /// Tags that it had before, and has no longer because the server has forgotten a truncation.
    pub former: Vec<ETag>,
    pub bytes: Vec<u8>,
    pub sealed: bool,
    /// Why it is there no more.
    pub gone: Option<&'static str>,
    /// Bytes that it had when the name passed on.
    pub at_end: Option<usize>,
    pub ended_at: u64,
}

impl File {
    pub fn has_had(&self, tag: ETag) -> bool {
        self.tag == tag || self.former.contains(&tag)
    }
}

/// The files, and the naive server.
pub struct Origin {
    pub files: Vec<File>,
    /// The file that has the name.
    pub current: Option<usize>,
    pub fault: Fault,
    pub directory: Directory,
    /// A program has counted the names of earlier files up and then found no file to roll: one number is free. It looks as
    /// if the file with that number were gone, and nobody can tell the two apart.
    pub skipped_a_number: bool,
}

/// A connection, as the server has it.
#[derive(Default)]
pub struct Serving {
    pub inbound: Vec<u8>,
    pub outbound: VecDeque<u8>,
    /// The file of the tail that is sent, and where it is.
    pub tail: Option<(usize, usize)>,
    /// Nothing more is sent.
    pub closed: bool,
    /// If the server is the real machine.
    pub conn: Option<Conn>,
}

impl Origin {
    pub fn new(fault: Fault) -> Origin {
        Origin {
            files: Vec::new(),
            current: None,
            fault,
            directory: Directory::default(),
            skipped_a_number: false,
        }
    }

    /// A new file gets the name, which is free.
    pub fn create(&mut self, now: u64) {
        super::trace(|| format!("  create {}", self.files.len()));
        let file = self.files.len();
        let inode = self.directory.create(LOG, file, now);
        self.add(Kind::Log, inode, Vec::new());
        self.current = Some(file);
    }

    /// Another file, which is what the inode has now.
    pub fn add(&mut self, kind: Kind, inode: usize, bytes: Vec<u8>) {
        self.directory.inodes[inode].file = self.files.len();
        self.files.push(File {
            kind,
            inode,
            tag: self.directory.tag(inode),
            former: Vec::new(),
            bytes,
            sealed: false,
            gone: None,
            at_end: None,
            ended_at: 0,
        });
    }

    pub fn write(&mut self, file: usize, bytes: &[u8], now: u64) {
        let known = &mut self.files[file];
        known.bytes.extend_from_slice(bytes);
        self.directory.write(known.inode, now);
    }

    pub fn seal(&mut self, file: usize) {
        self.files[file].sealed = true;
        self.directory.touch(self.files[file].inode);
    }

    /// The content of an inode.
    pub fn content(&self, inode: usize) -> &File {
        &self.files[self.directory.inodes[inode].file]
    }

    pub fn content_mut(&mut self, inode: usize) -> &mut File {
        &mut self.files[self.directory.inodes[inode].file]
    }

    /// The name leaves its file, which stays (`gone`: does not).
    pub fn leave(&mut self, gone: Option<&'static str>, now: u64) {
        if let Some(file) = self.current.take() {
            let file = &mut self.files[file];
            (file.at_end, file.ended_at) = (Some(file.bytes.len()), now);
            file.gone = file.gone.or(gone);
        }
    }

    pub fn by_tag(&self, tag: ETag) -> Option<usize> {
        self.files.iter().rposition(|file| file.has_had(tag))
    }

    /// The server has forgotten a truncation, or never saw it: to everybody the file is one that had its tag before.
    pub fn is_taken_for_another(&self, file: usize) -> bool {
        let File { tag, former, .. } = &self.files[file];
        let has_had = |other: &File| [*tag].iter().chain(former).any(|&tag| other.has_had(tag));
        self.files[..file].iter().any(has_had)
    }

    /// It was written to after its roll, and one that had the name later went where times alone tell its place.
    pub fn looks_younger(&self, file: usize) -> bool {
        let known = &self.files[file];
        let is_late = known.at_end.is_some_and(|end| end < known.bytes.len());
        let mut later = self.files[file + 1..].iter();
        is_late && later.any(|later| later.gone == Some("elsewhere"))
    }

    /// The next one that is there.
    fn successor(&self, file: usize) -> Option<usize> {
        let skip = usize::from(self.fault == Fault::SkipSuccessor);
        let mut next = (file + 1..self.files.len()).filter(|&next| self.files[next].gone.is_none());
        let first = next.next();
        if skip == 1 {
            next.next().or(first)
        } else {
            first
        }
    }

    /// Takes what came, and sends what there is to send.
    pub fn serve(&self, serving: &mut Serving, most: usize) {
        if let Some((file, at)) = serving.tail {
            self.serve_tail(serving, file, at, most);
        }
        while serving.tail.is_none() && !serving.closed {
            let Some(end) = serving
                .inbound
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            else {
                return;
            };
            let head: Vec<u8> = serving.inbound.drain(..end + 4).collect();
            let head = String::from_utf8(head).expect("ASCII");
            let response = self.respond(&head, serving);
            serving.outbound.extend(response);
        }
    }

    fn serve_tail(&self, serving: &mut Serving, file: usize, at: usize, most: usize) {
        let known = &self.files[file];
        let left = self.current != Some(file);
        if known.gone == Some("truncated") {
            serving.closed = true;
            return;
        }
        let end = known.at_end.unwrap_or(known.bytes.len()).min(at + most);
        if end > at && !(self.fault == Fault::EndEarly && left) {
            let chunk = &known.bytes[at..end];
            serving
                .outbound
                .extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            serving.outbound.extend(chunk);
            serving.outbound.extend(b"\r\n");
            serving.tail = Some((file, end));
            return;
        }
        let why = match (left, known.gone) {
            (false, _) if !known.sealed => return,
            (false, _) => "sealed",
            (true, Some(_)) => "unlinked",
            (true, None) => "renamed",
        };
        if self.fault == Fault::NeverEnd {
            return;
        }
        serving
            .outbound
            .extend(format!("0\r\nTail-End: {why}\r\n\r\n").into_bytes());
        serving.tail = None;
    }

    /// Ends a tail because the server ends.
    pub fn shut_down(&self, serving: &mut Serving) {
        if let Some((file, at)) = serving.tail.take() {
            let rest = &self.files[file].bytes[at..];
            if !rest.is_empty() && self.current == Some(file) {
                serving
                    .outbound
                    .extend(format!("{:x}\r\n", rest.len()).into_bytes());
                serving.outbound.extend(rest);
                serving.outbound.extend(b"\r\n");
            }
            serving.outbound.extend(b"0\r\nTail-End: shutdown\r\n\r\n");
        }
        serving.closed = true;
    }

    fn respond(&self, head: &str, serving: &mut Serving) -> Vec<u8> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let field = |name: &str| {
            let line = head.split("\r\n").find(|line| line.starts_with(name))?;
            Some(line[name.len()..].trim().to_owned())
        };
        let range = field("Range: bytes=").map(|range| {
            let (first, last) = range.split_once('-').unwrap();
            (first.parse::<usize>().unwrap(), last.parse::<usize>().ok())
        });
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let only_head = method == "HEAD";
        if query == "generations" {
            return document("200 OK", &self.list(), only_head);
        }
        if let Some(digits) = query.strip_prefix("generation=") {
            let tag = ETag(u64::from_str_radix(digits, 16).unwrap());
            let file = self.by_tag(tag).filter(|&file| {
                self.files[file].gone.is_none() && self.fault != Fault::DenyGeneration
            });
            let Some(file) = file else {
                let why = self
                    .by_tag(tag)
                    .and_then(|file| self.files[file].gone)
                    .unwrap_or("never seen");
                return document("404 Not Found", why, only_head);
            };
            let next = self.successor(file).filter(|_| self.current != Some(file));
            let link = next.map(|next| {
                let tag = self.files[next].tag.0;
                format!("Link: </log>; rel=\"latest-version\", </log?generation={tag:016x}>; rel=\"successor-version\"\r\n")
            });
            return self.finite(file, range, &link.unwrap_or_default(), only_head);
        }
        let Some(file) = self.current else {
            return document("404 Not Found", "no such file", only_head);
        };
        let wrong = field("If-Match: ").is_some_and(|tag| tag != self.files[file].tag.to_string());
        if wrong && self.fault != Fault::IgnoreIfMatch {
            return document("412 Precondition Failed", "another file", only_head);
        }
        match range {
            Some((first, None)) if !self.files[file].sealed => self.tail(file, first, serving),
            range => self.finite(file, range, "", only_head),
        }
    }

    fn tail(&self, file: usize, first: usize, serving: &mut Serving) -> Vec<u8> {
        let File { tag, bytes, .. } = &self.files[file];
        if first > bytes.len() {
            let range = format!("Content-Range: bytes */{}\r\n", bytes.len());
            return response("416 Range Not Satisfiable", &range, b"", false);
        }
        let from = if self.fault == Fault::WrongRange {
            first.saturating_sub(1)
        } else {
            first
        };
        serving.tail = Some((file, from));
        format!(
            "HTTP/1.1 206 Partial Content\r\nETag: {tag}\r\nTransfer-Encoding: chunked\r\nTrailer: Tail-End\r\n\
             Content-Range: bytes {first}-9007199254740991/*\r\n\r\n"
        )
        .into_bytes()
    }

    fn finite(
        &self,
        file: usize,
        range: Option<(usize, Option<usize>)>,
        fields: &str,
        only_head: bool,
    ) -> Vec<u8> {
        let File { tag, bytes, .. } = &self.files[file];
        let size = bytes.len();
        let fields = format!("ETag: {tag}\r\n{fields}");
        let Some((first, last)) = range else {
            return response("200 OK", &fields, bytes, only_head);
        };
        if first >= size {
            let fields = format!("{fields}Content-Range: bytes */{size}\r\n");
            return response("416 Range Not Satisfiable", &fields, b"", only_head);
        }
        let end = last.map_or(size, |last| (last + 1).min(size));
        let fields = format!(
            "{fields}Content-Range: bytes {first}-{}/{size}\r\n",
            end - 1
        );
        let content = match self.fault {
            Fault::OtherContent => bytes[first..end].iter().map(|byte| byte ^ 1).collect(),
            _ => bytes[first..end].to_vec(),
        };
        response("206 Partial Content", &fields, &content, only_head)
    }

    fn list(&self) -> String {
        let there = (0..self.files.len()).filter(|&file| self.files[file].gone.is_none());
        let items: Vec<String> = there
            .map(|file| {
                let File { tag, bytes, sealed, .. } = &self.files[file];
                let (size, current) = (bytes.len(), self.current == Some(file));
                let tag = tag.0;
                format!(
                    "{{\"etag\":\"W/\\\"{tag:016x}\\\"\",\"path\":\"/log\",\"size\":{size},\"mtime\":1,\
                     \"sealed\":{sealed},\"compressed\":null,\"current\":{current}}}"
                )
            })
            .collect();
        format!(
            "{{\"path\":\"/log\",\"generations\":[{}]}}",
            items.join(",")
        )
    }
}

fn document(status: &str, text: &str, only_head: bool) -> Vec<u8> {
    response(
        status,
        "Content-Type: text/plain\r\n",
        format!("{text}\n").as_bytes(),
        only_head,
    )
}

fn response(status: &str, fields: &str, body: &[u8], only_head: bool) -> Vec<u8> {
    let length = body.len();
    let mut out =
        format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes();
    if !only_head {
        out.extend_from_slice(body);
    }
    out
}
