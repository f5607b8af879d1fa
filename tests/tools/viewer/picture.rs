//! The picture of the viewer in README.md. To make it again:
//! `cargo test --test tools viewer::picture -- --ignored`

use std::fs;

use super::browser::Browser;
use crate::support::harness::{Server, TempDir};

const PICTURE: &str = "packaging/viewer.png";

/// Three files of a service, as they would be on an evening.
fn write_logs(dir: &TempDir) {
    let time = |second: usize| format!("2026-11-28T18:{:02}:{:02}Z", second / 60, second % 60);
    let (mut api, mut access, mut worker) = (String::new(), String::new(), String::new());
    for second in 0..240 {
        let at = time(second);
        if second % 2 == 0 {
            let size = 500 + second * 37 % 900;
            access += &format!(
                "10.0.0.{} - - [28/Nov/2026:{}Z] \"GET /orders/{} HTTP/1.1\" 200 {size}\n",
                second % 7,
                &at[11..19],
                1000 + second
            )
            .replace("Z]", " +0000]");
        }
        match second % 12 {
            3 => api += &format!("{at} INFO  order {} accepted\n", 1000 + second),
            7 => {
                api += &format!(
                    "{at} WARN  payment of order {} is slow: {} ms\n",
                    996 + second,
                    900 + second
                )
            }
            11 => {
                api += &format!(
                    "{at} ERROR payment of order {} failed: connection refused\n",
                    992 + second
                )
            }
            _ => {}
        }
        if second % 9 == 4 {
            worker += &format!(
                "{at} \x1b[36mjob {}\x1b[0m \x1b[32mdone\x1b[0m in \x1b[1m{} ms\x1b[0m\n",
                second,
                40 + second * 13 % 60
            );
        }
    }
    dir.write("api.log", api);
    dir.write("access.log", access);
    dir.write("worker.log", worker);
}

#[test]
#[ignore = "it writes the picture"]
fn the_picture_is_made() {
    let browser = Browser::start().expect("a browser");
    let dir = TempDir::new();
    write_logs(&dir);
    let server = Server::start(&dir);
    browser.prefer("light");
    browser.resize(900, 320);
    browser.go(&server.url("/api.log?view#/access.log&/worker.log"));
    browser.wait("document.querySelectorAll('.tab.good').length === 3");
    browser.press("0");
    browser.wait("document.querySelectorAll('.source').length > 15");
    browser.press("/payment\u{e00c}");
    browser.wait("document.querySelectorAll('mark').length > 2");
    browser.wait_state("3 of 3 files live");
    fs::write(PICTURE, decoded(&browser.screenshot())).expect("the picture is written");
}

#[test]
fn the_picture_is_small_and_shown() {
    let picture = fs::read(PICTURE).expect("the picture");
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert!(picture.len() < 100_000, "{}", picture.len());
}

/// RFC 4648 section 4.
fn decoded(base64: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = base64.trim_end_matches('=').as_bytes();
    let groups = text.chunks(4).flat_map(|group| {
        let bits = group
            .iter()
            .fold(0, |bits, &byte| bits << 6 | u32::from(digit(byte)));
        let bits = bits << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    });
    groups.collect()
}
