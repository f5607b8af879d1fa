//! Events of a whole file at once, by another way than the server's: lines first, then pieces, byte by byte.

/// Offset behind it, whether the line ends with it, and its data.
pub type Event = (u64, bool, String);

/// All events of a file; `complete`: nothing will be added to it. `most`: bytes of a piece.
pub fn events(bytes: &[u8], complete: bool, most: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let mut rest = line;
        let content = |rest: &[u8]| rest.strip_suffix(b"\n").unwrap_or(rest).len();
        while content(rest) > most {
            let cut = cut(rest, most);
            at += cut as u64;
            events.push((at, false, text(&rest[..cut])));
            rest = &rest[cut..];
        }
        let end = at + rest.len() as u64;
        if let Some(whole) = rest.strip_suffix(b"\n") {
            events.push((end, true, text(whole.strip_suffix(b"\r").unwrap_or(whole))));
        } else if complete && !rest.is_empty() {
            events.push((end, false, text(rest)));
        }
        at = end;
    }
    events
}

/// The last place up to `most` where a piece of text may end: between characters and not behind a CR.
fn cut(rest: &[u8], most: usize) -> usize {
    let between = |text: &str| (1..=most).rev().find(|&end| text.is_char_boundary(end));
    let end = str::from_utf8(rest).ok().and_then(between).unwrap_or(most);
    if rest[end - 1] == b'\r' { end - 1 } else { end }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "\n")
}
