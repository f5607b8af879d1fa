//! `Content-Digest`: the examples of RFC 9530, and what is refused.

use openrange::http::digest::{Digests, Verifier};

/// RFC 9530 appendix B.1.
const HELLO: &[u8] = b"{\"hello\": \"world\"}\n";
const HELLO_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const EMPTY_512: &str = "sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:";
const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

fn matches(value: &str, content: &[u8]) -> Result<bool, &'static str> {
    let digests = Digests::parse(value.as_bytes())?;
    let mut whole = Verifier::new(&digests);
    whole.update(content);
    let mut bytewise = Verifier::new(&digests);
    content.chunks(1).for_each(|byte| bytewise.update(byte));
    let result = whole.matches();
    assert_eq!(bytewise.matches(), result);
    Ok(result)
}

#[test]
fn verified() {
    let both = format!("{EMPTY_256}, {EMPTY_512}");
    let other_too = format!("crc32c=:AAAAAA==:,{HELLO_256};q=1");
    let unpadded = HELLO_256.replace("=:", ":").replace("256:", "256=:");
    for (value, content, expected) in [
        (HELLO_256, HELLO, true),
        (HELLO_256, b"", false),
        (EMPTY_256, b"", true),
        (EMPTY_512, b"", true),
        (EMPTY_512, b"x", false),
        (&both, b"", true),
        (&both, b"x", false),
        (&other_too, HELLO, true),
        (&other_too, b"x", false),
        (&unpadded, HELLO, true),
    ] {
        assert_eq!(matches(value, content), Ok(expected), "{value}");
    }
    // Both must be right.
    let mixed = format!("{HELLO_256},{EMPTY_512}");
    assert_eq!(matches(&mixed, HELLO), Ok(false));
    assert_eq!(matches(&mixed, b""), Ok(false));
}

#[test]
fn refused() {
    for value in [
        "",
        "sha-256",
        "sha-256=",
        "sha-256=x",
        "sha-256=:x",
        "sha-256=::",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabD=:",
        "sha-256=:RK_0qy18MlBSVnWgjwz6lZEWjP_lF5HF9bvEF8FabDg=:",
        "sha-512=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        // Nobody would have verified anything.
        "md5=:AAAA:",
        "SHA-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        ",",
    ] {
        assert!(Digests::parse(value.as_bytes()).is_err(), "{value}");
    }
}
