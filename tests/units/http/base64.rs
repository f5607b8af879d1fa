//! `http::base64`: RFC 4648.

use openrange::http::base64::{decode, encode};

#[test]
fn the_examples_of_the_standard() {
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(encode(bytes.as_bytes()), text);
        assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        let plain = text.trim_end_matches('=');
        assert_eq!(decode(plain.as_bytes()).as_deref(), Some(bytes.as_bytes()));
    }
    let all: Vec<u8> = (0..=255).collect();
    for end in 0..all.len() {
        assert_eq!(
            decode(encode(&all[..end]).as_bytes()).as_deref(),
            Some(&all[..end])
        );
    }
    for wrong in ["Z", "Zm9vY", "Zm9v!", "Zm-v", "Zm=v"] {
        assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
    }
}
