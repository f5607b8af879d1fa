//! `Content-Digest` (RFC 9530): what the sender says its content is, and whether it is.

use hmac_sha256::Hash as Sha256;
use hmac_sha512::Hash as Sha512;

use super::base64;

/// The digests of one content that a request names, as far as this server can verify them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

/// Field lines of a response to a digest that nobody here can verify (RFC 9530 section 4).
pub const WANTED: &str = "Want-Content-Digest: sha-256=10, sha-512=9\r\n";

impl Digests {
    /// Reads the value of the field: a dictionary of byte sequences (RFC 9651 section 3.2). Digests by other algorithms
    /// are ignored if there is one that can be verified.
    ///
    /// # Errors
    /// One line: the value is malformed, or there is nothing in it that can be verified.
    pub fn parse(value: &[u8]) -> Result<Digests, &'static str> {
        const MALFORMED: &str = "malformed Content-Digest";
        let mut digests = Digests::default();
        for member in value.split(|&byte| byte == b',') {
            let member = member.trim_ascii();
            let equals = member.iter().position(|&byte| byte == b'=');
            let (name, item) = member.split_at(equals.ok_or(MALFORMED)?);
            let item = item[1..].split(|&byte| byte == b';').next();
            let encoded = item
                .and_then(|item| item.trim_ascii().strip_prefix(b":"))
                .and_then(|item| item.strip_suffix(b":"))
                .ok_or(MALFORMED)?;
            // If an algorithm is named twice, the last one counts (RFC 9651 section 4.2.2).
            match name {
                b"sha-256" => digests.sha256 = Some(decode(encoded).ok_or(MALFORMED)?),
                b"sha-512" => digests.sha512 = Some(decode(encoded).ok_or(MALFORMED)?),
                _ => {}
            }
        }
        if digests == Digests::default() {
            return Err("Content-Digest has neither sha-256 nor sha-512");
        }
        Ok(digests)
    }
}

/// Reads a content, in pieces of any size, to hold it against its digests.
#[derive(Clone)]
pub struct Verifier {
    sha256: Option<([u8; 32], Sha256)>,
    sha512: Option<([u8; 64], Sha512)>,
}

impl Verifier {
    /// At the beginning of the content.
    #[must_use]
    pub fn new(digests: &Digests) -> Verifier {
        Verifier {
            sha256: digests.sha256.map(|expected| (expected, Sha256::new())),
            sha512: digests.sha512.map(|expected| (expected, Sha512::new())),
        }
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some((_, hash)) = &mut self.sha256 {
            hash.update(bytes);
        }
        if let Some((_, hash)) = &mut self.sha512 {
            hash.update(bytes);
        }
    }

    /// Whether all digests are those of the content.
    #[must_use]
    pub fn matches(self) -> bool {
        self.sha256
            .is_none_or(|(expected, hash)| hash.finalize() == expected)
            && self
                .sha512
                .is_none_or(|(expected, hash)| hash.finalize() == expected)
    }
}

/// Decodes base64 of exactly `N` bytes.
fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    base64::decode(text)?.try_into().ok()
}
