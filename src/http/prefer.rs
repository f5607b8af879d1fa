//! The Prefer field (RFC 7240): what the client would like, and can do without.

/// What a client prefers, as far as it is understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `respond-async`: a 202 is welcome.
    pub respond_async: bool,
    /// `wait=N`: seconds that it waits gladly.
    pub wait: Option<u64>,
    /// `timeout=N`: seconds until the deadline of a job.
    pub timeout: Option<u64>,
    /// `callback; url="..."`: where it wants a notification when a job ends.
    pub callback: Option<Box<str>>,
    /// `fsync`: a response when everything is on disk.
    pub fsync: bool,
}

impl Preferences {
    /// Takes the value of a field. Of a preference that is there twice, the first one counts (RFC 7240 section 2); what is
    /// malformed is no preference.
    pub fn add(&mut self, value: &[u8]) {
        for preference in split(value, b',') {
            self.add_one(preference);
        }
    }

    fn add_one(&mut self, preference: &[u8]) {
        let mut parts = split(preference, b';');
        let Some((name, value)) = parts.next().map(pair) else {
            return;
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("respond-async") {
            self.respond_async = true;
        } else if is("fsync") {
            self.fsync = true;
        } else if is("wait") {
            self.wait = self.wait.or_else(|| seconds(&value));
        } else if is("timeout") {
            self.timeout = self.timeout.or_else(|| seconds(&value));
        } else if is("callback") && self.callback.is_none() {
            let url = parts
                .map(pair)
                .find(|(name, _)| name.eq_ignore_ascii_case(b"url"));
            self.callback = url
                .and_then(|(_, url)| String::from_utf8(url).ok())
                .map(Into::into);
        }
    }
}

/// Seconds (RFC 7240 section 4.3). More than can be counted are as many as can be (RFC 9111 section 1.2.2).
fn seconds(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    Some(text.parse().unwrap_or(u64::MAX))
}

/// A name and its value, which may be quoted (RFC 9110 section 5.6.4).
fn pair(text: &[u8]) -> (&[u8], Vec<u8>) {
    let equals = text.iter().position(|&byte| byte == b'=');
    let (name, value) = text.split_at(equals.unwrap_or(text.len()));
    let value = value.strip_prefix(b"=").unwrap_or_default().trim_ascii();
    let value = match value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    {
        Some(quoted) => unescape(quoted),
        None => value.to_vec(),
    };
    (name.trim_ascii(), value)
}

fn unescape(quoted: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let plain = quoted.iter().copied().filter(|&byte| {
        let drop = byte == b'\\' && !escaped;
        escaped = drop;
        !drop
    });
    plain.collect()
}

/// The parts between separators that are not within quotes.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |&byte| {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'"' if !was_escaped => quoted = !quoted,
            b'\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        byte == separator && !quoted
    })
}
