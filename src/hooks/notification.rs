//! What a notification says, and how it is signed: Standard Webhooks 1.0. Pure.

use hmac_sha256::HMAC;

use super::callback::Callback;
use crate::http::base64;
use crate::http::date::Date;
use crate::http::json_value::Value;
use crate::job::{JobId, JobStatus};
use crate::jobs::record::parse_done;

/// A line of `done`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub id: JobId,
    /// How it ended.
    pub status: JobStatus,
    /// The body of its notification, the same each time.
    pub body: Box<str>,
}

impl Ended {
    /// Reads a line; `None`: it is not one of `done`.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Ended> {
        let line = str::from_utf8(line).ok()?.trim();
        let (id, status) = parse_done(line)?;
        let time = Value::parse(line.as_bytes())?;
        let time = time.get("time").and_then(Value::as_u64).unwrap_or(0);
        let time = Date::from_seconds(i64::try_from(time).unwrap_or(i64::MAX)).iso();
        let body = format!("{{\"type\":\"job.ended\",\"timestamp\":\"{time}\",\"data\":{line}}}");
        Some(Ended {
            id,
            status,
            body: body.into(),
        })
    }

    /// The request that tells a client of it. `time`: of this attempt, in seconds since 1970.
    #[must_use]
    pub fn request(&self, to: &Callback, secrets: &Secrets, time: u64) -> Vec<u8> {
        let Ended { id, body, .. } = self;
        let (target, host, length) = (&to.target, &to.host, body.len());
        let signature = secrets.sign(id.as_str(), time, body);
        let agent = concat!("openrange/", env!("CARGO_PKG_VERSION"));
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: {time}\r\nwebhook-signature: {signature}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// What receivers know who the sender is by.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Vec<u8>>);

/// Bytes that a secret should have.
const SECRET_BYTES: usize = 24;

impl Secrets {
    /// Reads `whsec_` and base64, one on each line: while a secret is replaced by another there are two, and both sign.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Secrets, &'static str> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let secrets: Option<Vec<Vec<u8>>> = lines
            .map(|line| base64::decode(line.strip_prefix("whsec_")?.as_bytes()))
            .collect();
        match secrets {
            Some(secrets) if secrets.is_empty() => Err("there is no secret in it"),
            Some(secrets) if secrets.iter().all(|secret| !secret.is_empty()) => {
                Ok(Secrets(secrets))
            }
            _ => Err("a line of it is not a secret"),
        }
    }

    /// Whether one of them can be guessed more easily than the standard asks for (24 bytes).
    #[must_use]
    pub fn are_weak(&self) -> bool {
        self.0.iter().any(|secret| secret.len() < SECRET_BYTES)
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, time: u64, body: &str) -> String {
        let content = format!("{id}.{time}.{body}");
        let sign = |secret: &Vec<u8>| {
            let code = HMAC::mac(content.as_bytes(), secret);
            format!("v1,{}", base64::encode(&code))
        };
        let signatures: Vec<String> = self.0.iter().map(sign).collect();
        signatures.join(" ")
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} secrets", self.0.len())
    }
}
