//! What holds for every request target, whatever it is.

use openrange::http::target::{Target, decode};

pub fn target(bytes: &[u8]) {
    let Ok(Target::Path(path)) = decode(bytes) else {
        return;
    };
    assert!(!path.name.contains(&0), "NUL in {path:?}");
    let hidden = |name: &[u8]| name.is_empty() || name.starts_with(b".");
    assert!(
        path.name.is_empty() || !path.name.split(|&byte| byte == b'/').any(hidden),
        "an empty, dot or hidden component in {path:?}"
    );
    let written = path.to_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(
        written.starts_with('/') && !written.starts_with("//"),
        "{written}"
    );
    assert_eq!(
        decode(written.as_bytes()),
        Ok(Target::Path(path)),
        "{written}"
    );
}
