//! JSON (RFC 8259): how strings are written, and a reader for the few small documents that a follower gets (lists of
//! generations, entries of a directory, its own state file). The reader is strict and bounded in depth. Numbers stay text,
//! because 64 bits do not fit into a double.

use std::fmt::{self, Write as _};

/// Deepest nesting. A list of generations has four levels.
const DEPTH_MAX: u8 = 16;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// As it is written.
    Number(Box<str>),
    /// Unescaped.
    String(String),
    /// In order.
    Array(Vec<Value>),
    /// Members in order; of members with the same name the first counts.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The value of a document; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Value> {
        let text = str::from_utf8(text).ok()?;
        let mut reader = Reader { rest: text };
        let value = reader.value(DEPTH_MAX)?;
        reader.blanks();
        reader.rest.is_empty().then_some(value)
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 0 to 2^64-1.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// A truth value.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The values of an array; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            _ => &[],
        }
    }
}

/// A string as JSON writes it, with its quotes (RFC 8259 section 7). The escapes of U+007F to U+009F, which JSON does not
/// ask for, keep what a terminal would obey out of documents and logs.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(out, "\\{character}")?,
                control if control.is_control() => write!(out, "\\u{:04x}", u32::from(control))?,
                other => out.write_char(other)?,
            }
        }
        out.write_char('"')
    }
}

/// Appends a [`Quoted`] string.
pub fn write_string(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", Quoted(text));
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a token if it is next.
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.blanks();
        match self.rest.as_bytes().first()? {
            b'"' => self.string().map(Value::String),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            b'n' => self.take("null").then_some(Value::Null),
            b't' => self.take("true").then_some(Value::Bool(true)),
            b'f' => self.take("false").then_some(Value::Bool(false)),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: u8) -> Option<Value> {
        let mut items = Vec::new();
        self.take("[");
        self.blanks();
        if self.take("]") {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.blanks();
            if self.take("]") {
                return Some(Value::Array(items));
            }
            self.take(",").then_some(())?;
        }
    }

    fn object(&mut self, depth: u8) -> Option<Value> {
        let mut members = Vec::new();
        self.take("{");
        self.blanks();
        if self.take("}") {
            return Some(Value::Object(members));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            self.take(":").then_some(())?;
            members.push((name, self.value(depth)?));
            self.blanks();
            if self.take("}") {
                return Some(Value::Object(members));
            }
            self.take(",").then_some(())?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"").then_some(())?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, rest) = self.rest.split_at(end);
            if plain.bytes().any(|byte| byte < b' ') {
                return None;
            }
            text.push_str(plain);
            self.rest = rest;
            if self.take("\"") {
                return Some(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Option<char> {
        let letter = *self.rest.as_bytes().get(1)?;
        if letter == b'u' {
            self.rest = &self.rest[2..];
            return self.unicode();
        }
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return None,
        };
        self.rest = &self.rest[2..];
        Some(character)
    }

    /// The four digits behind `\u`, and those of the second half of a pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.take("\\u").then_some(())?;
        let second = self
            .four_digits()?
            .checked_sub(0xdc00)
            .filter(|&half| half < 0x400)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.rest = &self.rest[4..];
        u32::from_str_radix(digits, 16).ok().filter(|_| plain)
    }

    /// `[-] int [ frac ] [ exp ]`
    fn number(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find(|byte: char| !matches!(byte, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        is_number(text).then_some(())?;
        self.rest = rest;
        Some(Value::Number(text.into()))
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}
