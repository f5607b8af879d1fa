//! A reader of response heads that accepts nothing but what RFC 9112 lets a server write.

use openrange::response::{Body, Response};

/// A response head, and the body that came with it.
#[derive(Debug)]
pub struct ParsedResponse {
    pub code: u16,
    pub reason: String,
    pub fields: Vec<(String, String)>,
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
        let mut lines = str::from_utf8(head).expect("ASCII").split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .strip_prefix("HTTP/1.1 ")
            .expect("a status line");
        let (code, reason) = status.split_once(' ').expect("a reason phrase");
        let fields: Vec<_> = lines.map(field).collect();
        for (at, (name, _)) in fields.iter().enumerate() {
            let again = fields[at + 1..]
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(name));
            assert!(!again, "{name} is repeated in {fields:?}");
        }
        ParsedResponse {
            code: code.parse().unwrap(),
            reason: reason.to_owned(),
            fields,
            text,
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line
        .split_once(": ")
        .unwrap_or_else(|| panic!("no field: {line:?}"));
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    assert!(!name.is_empty() && name.bytes().all(token), "{line:?}");
    let visible = |byte: u8| matches!(byte, b' '..=b'~');
    assert!(
        value.trim() == value && !value.is_empty() && value.bytes().all(visible),
        "{line:?}"
    );
    (name.to_owned(), value.to_owned())
}

/// Bytes that follow the empty line, for a body that ends.
pub fn body_length(answer: &Response, response: &ParsedResponse) -> Option<u64> {
    let of_file = match &answer.body {
        Body::Nothing => 0,
        Body::Slice(range) => range.end - range.start,
        Body::Parts(parts) => parts
            .iter()
            .map(|part| part.before.len() as u64 + (part.range.end - part.range.start))
            .sum(),
        Body::Tail { .. } | Body::Events { .. } => return None,
    };
    Some(response.text.len() as u64 + of_file)
}
