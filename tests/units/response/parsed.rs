//! A response that was built, and read again.

use std::ops::Deref;

use crate::support::reader::{self, Head};
use openrange::response::{Body, Response};

/// A response head, and the body that came with it.
#[derive(Debug)]
pub struct ParsedResponse {
    pub head: Head,
    pub reason: String,
    pub text: Vec<u8>,
}

impl ParsedResponse {
    pub fn of(answer: &Response) -> ParsedResponse {
        let end = answer
            .head
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("an empty line");
        let (head, text) = (&answer.head[..end], answer.head[end + 4..].to_vec());
        let line = head.split(|&byte| byte == b'\r').next().expect("a line");
        let line = str::from_utf8(line).expect("ASCII");
        let head = reader::head(head).unwrap_or_else(|why| panic!("{why}"));
        for (name, _) in &head.fields {
            // Which panics if the field is repeated.
            head.field(name);
        }
        ParsedResponse {
            reason: line["HTTP/1.1 200 ".len()..].to_owned(),
            head,
            text,
        }
    }
}

impl Deref for ParsedResponse {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

/// Bytes that follow the empty line, for a body that ends.
pub fn body_length(answer: &Response, response: &ParsedResponse) -> Option<u64> {
    let of_file = match &answer.body {
        Body::Nothing => 0,
        Body::Page(page) => page.len() as u64,
        Body::Slice(range) => range.end - range.start,
        Body::Parts(parts) => parts
            .iter()
            .map(|part| part.before.len() as u64 + (part.range.end - part.range.start))
            .sum(),
        Body::Tail { .. } | Body::Events { .. } => return None,
    };
    Some(response.text.len() as u64 + of_file)
}
