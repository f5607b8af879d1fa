//! Directories: index.html, listings, redirects.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::client::{Client, head_of};
use crate::support::harness::{Server, TempDir};

const PAGE: &str = "Accept: text/html,*/*;q=0.8";

#[test]
fn a_directory_without_slash_is_redirected_to_the_one_with_it() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    dir.mkdir("a b\u{fc}<");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for (target, location) in [
        ("/sub", "/sub/"),
        ("//sub", "/sub/"),
        ("/a%20b%C3%BC%3C", "/a%20b%C3%BC%3C/"),
    ] {
        let response = client.get(target, &[]);
        response.assert_error(301);
        assert_eq!(response.field("Location"), location);
        assert_eq!(client.get(location, &[]).status, 200);
    }
}

#[test]
fn index_html_stands_for_its_directory() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    dir.write("sub/index.html", "<p>one");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let response = client.get("/sub/", &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"<p>one".as_slice())
    );
    assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(
        response.field("ETag"),
        head_of(&server, "/sub/index.html", &[]).field("ETag")
    );
    client.tail("/sub/", &["Range: bytes=3-"]);
    assert_eq!(client.take(3), b"one");
    dir.append("sub/index.html", "two");
    assert_eq!(client.take(3), b"two");
    dir.remove("sub/index.html");
    assert_eq!(client.rest().0, b"");
    assert!(
        listing(&mut client, "/sub/").contains("<html"),
        "the listing in its place"
    );
}

fn listing(client: &mut Client, target: &str) -> String {
    let response = client.get(target, &[PAGE]);
    assert_eq!(response.status, 200, "{target}");
    assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
    String::from_utf8(response.body).expect("a listing is UTF-8 whatever the names are")
}

/// The links of a page, as a browser resolves them in `base`.
fn links(page: &str, base: &str) -> Vec<String> {
    let hrefs = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().expect("a quoted value"))
        .filter(|href| !href.starts_with("data:") && !href.starts_with('?'));
    hrefs
        .map(|href| {
            format!(
                "{base}{}",
                href.replace("&amp;", "&").trim_start_matches("./")
            )
        })
        .collect()
}

#[test]
fn a_listing_links_every_name_whatever_bytes_it_has() {
    let names: &[&[u8]] = &[
        b"plain",
        b"sp ace",
        b"per%41cent",
        b"<script>alert(1)</script>"[..8].as_ref(),
        b"a&amp;b",
        b"quo\"te",
        b"apo'strophe",
        b"q?x",
        b"ha#sh",
        b"col:on",
        b"back\\slash",
        b"new\nline",
        b"\xff\xfe",
        b"Gr\xc3\xbcn",
        b"javascript:alert(1)",
        b"tab\t",
        b"esc\x1b[31m",
        b"-",
        b"~",
        b"{}|^`[]",
    ];
    let dir = TempDir::new();
    dir.mkdir("sub");
    for name in names {
        fs::write(dir.join("sub").join(OsStr::from_bytes(name)), name).expect("write");
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let page = listing(&mut client, "/sub/");
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("\x1b"), "{page}");
    let mut found = Vec::new();
    for link in links(&page, "/sub/") {
        if link.ends_with("../") || link.ends_with("?view") {
            continue;
        }
        let response = client.get(&link, &[]);
        assert_eq!(response.status, 200, "{link}");
        found.push(response.body);
    }
    let mut expected: Vec<_> = names.iter().map(|name| name.to_vec()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_listing_shows_sizes_and_what_can_be_asked_for() {
    let dir = TempDir::with("log", [b'x'; 12345]);
    dir.mkdir("sub");
    dir.write(".hidden", "x");
    dir.symlink("log", "link");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let page = listing(&mut client, "/");
    assert!(page.contains("12345") && !page.contains("hidden"), "{page}");
    let links = links(&page, "/");
    for link in ["/log", "/sub/"] {
        assert!(
            links.iter().any(|found| found == link),
            "{link} in {links:?}"
        );
    }
    assert!(
        !links.iter().any(|link| link.contains("..")),
        "nothing above the root"
    );
    let head = client.head_of("/", &[PAGE]);
    assert_eq!(head.field("Content-Length"), page.len().to_string());
    let range = client.get("/", &["Range: bytes=0-"]);
    assert_eq!(range.status, 200, "a listing has no ranges");
}

#[test]
fn a_listing_tells_nothing_of_what_lies_outside() {
    let outer = TempDir::with("secret", [b'x'; 98765]);
    outer.mkdir("root");
    outer.symlink("../secret", "root/link");
    outer.write("root/log", "x");
    let mut command = crate::support::harness::openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(outer.join("root"));
    let server = Server::launch(command);
    let page = listing(&mut Client::new(&server), "/");
    assert!(
        !page.contains("98765"),
        "the size of a file outside the root: {page}"
    );
}
