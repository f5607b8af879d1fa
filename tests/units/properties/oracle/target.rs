//! What a request path names, found by the text algorithm of RFC 3986 section 5.2.4 (two buffers, no list of segments).
//!
//! Before it, encoded dots become dots and runs of slashes one slash, as a file system takes them.

/// `None`: refused. `Some(None)`: nowhere. Else the name and whether it ends with a slash.
pub fn expected(path: &[u8]) -> Option<Option<(Vec<u8>, bool)>> {
    let end = path.iter().position(|&byte| byte == b'?');
    let path = str::from_utf8(&path[..end.unwrap_or(path.len())]).ok()?;
    let forbidden = |byte: char| !byte.is_ascii_graphic() || "\"#<>\\^`{|}".contains(byte);
    if !path.starts_with('/') || path.contains(forbidden) {
        return None;
    }
    decode(path)?;
    let mut plain = path.replace("%2e", ".").replace("%2E", ".");
    while plain.contains("//") {
        plain = plain.replace("//", "/");
    }
    let resolved = remove_dot_segments(&plain)?;
    if resolved.contains("/.") || resolved.to_lowercase().contains("%2f") {
        return Some(None);
    }
    let slash = resolved.ends_with('/');
    let name = decode(resolved.trim_matches('/'))?;
    Some(Some((name, slash)))
}

/// The algorithm with its steps B to E (A is for relative references), but a `..` above the root is `None`.
fn remove_dot_segments(path: &str) -> Option<String> {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..3, "/");
        } else if input == "/." {
            input.replace_range(.., "/");
        } else if input.starts_with("/../") || input == "/.." {
            input.replace_range(..(input.len().min(4)), "/");
            output.truncate(output.rfind('/')?);
        } else {
            let end = input[1..].find('/').map_or(input.len(), |slash| slash + 1);
            output.extend(input.drain(..end));
        }
    }
    Some(output)
}

/// `None` for a percent sign without two digits, and for NUL.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let hex = part.get(..2)?;
        if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(hex, 16).ok().filter(|&byte| byte != 0)?);
        bytes.extend(part[2..].bytes());
    }
    Some(bytes)
}
