//! What holds for every sequence of bytes a client may begin with.

use openrange::dialect::plain;
use openrange::http::request::{Refusal, Request, parse};
use openrange::limits::HEAD_MAX;

type Outcome = Result<Option<(Request, usize)>, Refusal>;

/// Parses, and holds against it that it was given everything at once: a head means the same however it arrives.
pub fn request(bytes: &[u8]) -> Outcome {
    let whole = parse(bytes);
    let bytewise = bytewise(bytes);
    assert_eq!(whole, bytewise, "all at once, byte by byte");
    match &whole {
        Ok(Some((request, length))) => {
            assert!(*length <= bytes.len().min(HEAD_MAX));
            assert!(bytes[..*length].ends_with(b"\r\n\r\n"));
            // What follows a head has no part in it.
            assert_eq!(parse(&bytes[..*length]), whole);
            assert!(!request.trailers || !request.http10);
            let asked = plain::parse(request.clone());
            assert!(!asked.subscribes() || request.path().is_some());
        }
        Ok(None) => assert!(bytes.len() < HEAD_MAX, "waits for ever"),
        Err(refusal) => assert!(refusal.explain().0.code() >= 400),
    }
    whole
}

/// The first prefix that is not "not yet" decides. Only around line ends, where it may change, is each prefix tried:
/// all of them would be quadratic in long inputs. The last prefix is the whole input.
fn bytewise(bytes: &[u8]) -> Outcome {
    for length in 0..=bytes.len() {
        let near_line_end = |at: usize| {
            bytes[at.saturating_sub(2)..at]
                .iter()
                .any(|byte| b"\r\n".contains(byte))
        };
        let decides = near_line_end(length) || length % HEAD_MAX == 0 || length == bytes.len();
        if bytes.len() > 512 && !decides {
            continue;
        }
        match parse(&bytes[..length]) {
            Ok(None) => {}
            decided => return decided,
        }
    }
    Ok(None)
}
