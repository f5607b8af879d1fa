//! What is there at the origin: the lists that a server gives.

use openrange::client::mirror::listing::{Listing, directory, generations};
use openrange::client::mirror::plan::Listed;
use openrange::http::etag::ETag;

fn file(name: &str, etag: u64) -> Listed {
    Listed {
        name: name.as_bytes().into(),
        etag: ETag(etag),
        size: 5,
        modified: 7,
        sealed: false,
    }
}

fn entry(path: &str, etag: u64, more: &str) -> String {
    format!(
        "{{\"kind\":\"file\",\"path\":\"{path}\",\"etag\":\"W/\\\"{etag:016x}\\\"\",\"size\":5,\"mtime\":7{more}}}"
    )
}

fn topics(truncated: &str, entries: &[String]) -> String {
    let entries = entries.join(",");
    format!("{{\"truncated\":{truncated},\"entries\":[{entries}]}}")
}

#[test]
fn directories() {
    let list = |entries: &[String]| {
        let page = directory(topics("false", entries).as_bytes());
        page.map(|page| page.listing)
    };
    let entries = [
        entry("a", 1, ""),
        entry("b%20%2f.c", 2, ""),
        entry("d/e", 3, ",\"sealed\":true"),
        r#"{"kind":"directory","path":"f/"}"#.to_owned(),
        r#"{"kind":"directory","path":"g%2f/"}"#.to_owned(),
        entry("a", 4, ",\"sealed\":false"),
    ];
    let sealed = Listed {
        sealed: true,
        ..file("d/e", 3)
    };
    let expected = Listing {
        files: vec![file("a", 1), sealed, file("a", 4)],
        directories: vec![b"f".as_slice().into()],
        ..Listing::default()
    };
    assert_eq!(list(&entries), Some(expected));
    assert_eq!(list(&[]), Some(Listing::default()));
    let partial = directory(topics("true", &[]).as_bytes()).expect("a list");
    assert!(partial.listing.partial);
    // A mirror uses no name that leads elsewhere, is hidden, or that no file can have.
    for path in [
        "..",
        "../x",
        ".",
        ".hidden",
        "a/.hidden",
        "/a",
        "a//b",
        "a/",
        "",
        "a%00b",
        "a/b/c",
        "%2e%2e/x",
        "a/..",
        "%2fetc",
    ] {
        assert_eq!(
            list(&[entry(path, 1, "")]),
            Some(Listing::default()),
            "{path}"
        );
    }
    for path in ["a..", "a/b", "%c3%a4", "%FF", "a.b/c.d", "-"] {
        assert_eq!(
            list(&[entry(path, 1, "")]).expect("a list").files.len(),
            1,
            "{path}"
        );
    }
    for name in ["..", ".", ".hidden", "", "/", "a%00b"] {
        let entry = format!("{{\"kind\":\"directory\",\"path\":\"{name}/\"}}");
        assert_eq!(list(&[entry]), Some(Listing::default()), "{name}");
    }
    // What has no tag or size is none that can be copied.
    let half = r#"{"kind":"file","path":"a","size":5}"#.to_owned();
    assert_eq!(list(&[half]), Some(Listing::default()));
    for wrong in [
        "".to_owned(),
        "[]".into(),
        "{}".into(),
        "{\"truncated\":false}".into(),
        "{\"entries\":[]}".into(),
        topics("0", &[]),
        topics("false", &["{}".into()]),
        topics("false", &["{\"kind\":\"file\"}".into()]),
        topics("false", &["{\"path\":\"a\"}".into()]),
        topics("false", &["{\"path\":5,\"kind\":\"file\"}".into()]),
    ] {
        assert_eq!(directory(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn generations_of_a_file() {
    let list = |entries: &[String], known: &[u64]| {
        let text = format!("{{\"generations\":[{}]}}", entries.join(","));
        generations(text.as_bytes(), "/d/", |file| known.contains(&file.etag.0)).expect("a list")
    };
    let of = |listing: &Listing| {
        listing
            .files
            .iter()
            .map(|file| file.etag.0)
            .collect::<Vec<_>>()
    };
    let all = [
        entry("/d/log.4", 1, ""),
        entry("/d/log.3.gz", 9, ",\"compressed\":\"gzip\""),
        entry("/d/log.2", 2, ",\"compressed\":null,\"current\":false"),
        entry("/e/log.1", 8, ""),
        entry("/d/.log", 7, ""),
        entry("/d/log.1", 3, ",\"compressed\":false,\"sealed\":true"),
        entry("/d/log", 4, ",\"current\":true"),
    ];
    let listing = list(&all, &[2]);
    assert_eq!(of(&listing), [2, 3, 4], "from the first that is known");
    assert_eq!(listing.live, Some(ETag(4)));
    assert_eq!(listing.all, [1, 2, 3, 4].map(ETag));
    assert!(listing.files[1].sealed && !listing.files[0].sealed);
    assert!(listing.directories.is_empty() && !listing.partial);
    assert_eq!(&*listing.files[0].name, b"log.2");
    assert_eq!(of(&list(&all, &[3, 1])), [1, 2, 3, 4]);
    assert_eq!(
        of(&list(&all, &[9])),
        [4],
        "of a new log only what has the name"
    );
    let without = list(&all[..6], &[]);
    assert_eq!((of(&without), without.live), (vec![], None));
    assert_eq!(without.all, [1, 2, 3].map(ETag));
    assert_eq!(of(&list(&all[..6], &[3])), [3]);
    assert_eq!(list(&[], &[]), Listing::default());
    for wrong in [
        "",
        "{}",
        "{\"generations\":[{}]}",
        "{\"generations\":[{\"path\":5}]}",
    ] {
        assert_eq!(
            generations(wrong.as_bytes(), "/d/", |_| true),
            None,
            "{wrong}"
        );
    }
}

/// What a copy lists whose mirror has not finished a roll has the names that it is to have.
#[test]
fn files_that_are_to_have_other_names() {
    let list = |moving: &str, paths: &[&str]| {
        let entries = paths.iter().zip(1..);
        let entries: Vec<String> = entries.map(|(path, tag)| entry(path, tag, "")).collect();
        let entries = entries.join(",");
        let text = format!("{{\"truncated\":false,\"moving\":[{moving}],\"entries\":[{entries}]}}");
        let listing = directory(text.as_bytes()).expect("a list").listing;
        let names = listing.files.iter().map(|file| file.name.clone());
        let names: Vec<String> = names
            .map(|name| String::from_utf8_lossy(&name).into_owned())
            .collect();
        let paths = listing.paths.iter().map(|(etag, _)| etag.0).collect();
        (names, paths)
    };
    let moves = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(from, to)| format!("{{\"path\":\"{from}\",\"to\":\"{to}\"}}"));
        pairs.collect::<Vec<_>>().join(",")
    };
    let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|&it| it.into()).collect() };
    let moving = moves(&[("a", "a.1"), ("a.1", "a.2"), ("b%20", "c%20")]);
    assert_eq!(
        list(&moving, &["a", "a.1", "a.3", "b%20"]),
        (owned(&["a.1", "a.2", "a.3", "c "]), vec![1, 2, 4])
    );
    // A file that stays where the first one is to go is in the way of all.
    assert_eq!(
        list(&moving, &["a", "a.1", "a.2", "b%20"]),
        (owned(&["a", "a.1", "a.2", "c "]), vec![4])
    );
    for wrong in ["5", "{}", "{\"path\":\"a\"}", &moves(&[("a", "../b")])] {
        assert_eq!(list(wrong, &["a"]), (owned(&["a"]), vec![]), "{wrong}");
    }
    let text = |rolls: &str| {
        let entries = [
            entry("/d/log.3.txt", 1, rolls),
            entry("/d/log.txt", 2, &format!(",\"current\":true{rolls}")),
        ];
        format!(
            "{{\"path\":\"/d/log.txt\",\"generations\":[{}]}}",
            entries.join(",")
        )
    };
    let names = |rolls: &str| {
        let listing = generations(text(rolls).as_bytes(), "/d/", |_| true).expect("a list");
        let names = listing.files.iter().map(|file| file.name.clone());
        names
            .map(|name| String::from_utf8_lossy(&name).into_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(",\"rolls\":4"), ["log.4.txt", "log.txt.4"]);
    for none in [
        "",
        ",\"rolls\":-1",
        ",\"rolls\":\"4\"",
        ",\"rolls\":99999999999",
    ] {
        assert_eq!(names(none), ["log.3.txt", "log.txt"]);
    }
}
