//! The list of generations as clients get it.

use openrange::http::conditional::ETag;
use openrange::http::target::Path;
use openrange::store::generations::family::kinship;
use openrange::store::generations::json::list;
use openrange::store::generations::order::{Chain, Generation, Member, Original};

fn generation(name: &str, tag: u64, original: Option<Original>) -> Generation {
    Generation {
        member: Member {
            path: [b"d/", name.as_bytes()].concat().into(),
            etag: ETag(tag),
            size: 10 * tag,
            modified: (1_700_000_000, 999_999_999),
            sealed: tag == 2,
            kinship: kinship(name.as_bytes(), b"a \"log"),
            copied: None,
            current: name == "a \"log",
        },
        original,
        gap: None,
    }
}

#[test]
fn lists() {
    let path = Path {
        name: b"d/a \"log"[..].into(),
        slash: false,
    };
    let text = |chain| String::from_utf8(list(&path, &Chain(chain))).expect("UTF-8");
    const BEGINNING: &str = "{\"path\":\"/d/a%20%22log\",\"generations\":[";
    assert_eq!(text(Vec::new()), format!("{BEGINNING}\n]}}\n"));
    let original = Original {
        etag: ETag(0xabc),
        size: 99,
        is_final: true,
    };
    let chain = vec![
        generation("a \"log.2.gz", 1, Some(original)),
        generation("a \"log.1", 2, None),
        generation("a \"log", 3, None),
    ];
    let expected = [
        "{\"etag\":\"W/\\\"0000000000000001\\\"\",\"path\":\"/d/a%20%22log.2.gz\",\"size\":10,\"mtime\":1700000000,\
         \"sealed\":false,\"compressed\":\"gzip\",\"current\":false,\
         \"original\":{\"etag\":\"W/\\\"0000000000000abc\\\"\",\"size\":99}}",
        "{\"etag\":\"W/\\\"0000000000000002\\\"\",\"path\":\"/d/a%20%22log.1\",\"size\":20,\"mtime\":1700000000,\
         \"sealed\":true,\"compressed\":null,\"current\":false}",
        "{\"etag\":\"W/\\\"0000000000000003\\\"\",\"path\":\"/d/a%20%22log\",\"size\":30,\"mtime\":1700000000,\
         \"sealed\":false,\"compressed\":null,\"current\":true}",
    ];
    let expected = format!("{BEGINNING}\n{}\n]}}\n", expected.join(",\n"));
    assert_eq!(text(chain), expected);
}
