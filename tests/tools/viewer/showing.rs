//! How lines are shown: colours, control characters, levels, fields, encodings.

use super::browser::Browser;
use crate::support::harness::{Server, TempDir};

/// The style of the first element with this text in it, computed.
fn style(browser: &Browser, text: &str, property: &str) -> String {
    browser.value(&format!(
        "getComputedStyle([...document.querySelectorAll('#rows span')].find(span => span.textContent === '{text}'))\
         .{property}"
    ))
}

#[test]
fn terminal_sequences_become_styles_and_nothing_of_them_is_shown() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let cases = [
        ("\x1b[1;31mred\x1b[0m rest", "red rest"),
        ("\x1b[38;2;10;20;30;48;5;231mexact\x1b[m", "exact"),
        ("\x1b[38:2::200:100:0mcolons\x1b[m", "colons"),
        ("\x1b[7minverse\x1b[27m not", "inverse not"),
        (
            "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x07 behind",
            "link behind",
        ),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;never ended", ""),
        ("\x1b(Bcharset\x1b[?25l\x1b[2Jx", "x"),
        ("10 %\r20 %\r100 %", "100 %"),
        ("long progress\rshort\x1b[K", "short"),
        ("overwritten\rOVER", "OVERwritten"),
        ("bo\x08ol\x08d", "bod"),
        ("tab\tbell\x07 nul\0", "tab\tbell nul\u{2400}"),
        ("user\u{202e}gpj.exe", "user[U+202E]gpj.exe"),
        ("crlf\r", "crlf"),
    ];
    let text: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let dir = TempDir::with("log", text + "the end\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("the end");
    let lines = browser.value(
        "[...document.querySelectorAll('#rows > div')].map(row => row.textContent).join('\\n')",
    );
    let shown: Vec<&str> = lines.lines().collect();
    for ((line, expected), shown) in cases.iter().zip(shown) {
        assert_eq!(shown, *expected, "{line:?}");
    }
    assert_eq!(style(&browser, "red", "fontWeight"), "700");
    assert!(style(&browser, "red", "color").starts_with("oklch("));
    assert_eq!(
        style(&browser, "exact", "backgroundColor"),
        "rgb(255, 255, 255)"
    );
    assert_eq!(style(&browser, "exact", "color"), "rgb(10, 20, 30)");
    assert_ne!(
        style(&browser, "inverse", "backgroundColor"),
        "rgba(0, 0, 0, 0)"
    );
    browser.assert_quiet();
}

/// A progress bar that was never ended by a line feed is longer than a line may be.
#[test]
fn an_endless_progress_bar_shows_its_last_state() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let bar: String = (0..10_000).map(|step| format!("step {step}\r")).collect();
    let dir = TempDir::with("log", format!("first\n{bar}done\n"));
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait("document.querySelector('#rows').innerText === 'first\\ndone 9999'");
    browser.assert_quiet();
}

#[test]
fn levels_are_coloured_unless_that_is_turned_off() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let cases = [
        ("2026-11-28 04:00:01 ERROR it failed", "error"),
        ("[warn] nearly full", "warn"),
        ("level=error msg=x", "error"),
        ("{\"severity\":\"debug\"}", "debug"),
        ("{\"level\":50,\"msg\":\"x\"}", "error"),
        ("E1128 04:00:01.000000 1 main.go:1] x", "error"),
        ("INFO no ERROR at all", "info"),
        ("an error in a sentence", ""),
        ("/var/log/error.log", ""),
        ("thread panicked: Error: x", "error"),
    ];
    let text: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let dir = TempDir::with("log", text);
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("panicked");
    let classes = "[...document.querySelectorAll('#rows > div')].map(row => row.className).join()";
    let expected: Vec<&str> = cases.iter().map(|(_, level)| *level).collect();
    assert_eq!(browser.value(classes), expected.join(","));
    browser.press("e");
    browser.wait(&format!("{classes} === '{}'", ",".repeat(cases.len() - 1)));
    // It is remembered.
    browser.go("about:blank");
    browser.go(&server.url("/log?view"));
    browser.wait_line("panicked");
    assert_eq!(browser.value(classes), ",".repeat(cases.len() - 1));
    browser.assert_quiet();
}

#[test]
fn lines_of_json_fold_into_fields() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let lines = [
        "{\"id\":12345678901234567890,\"msg\":\"it\\nfailed\",\"level\":\"warn\",\"ts\":\"10:00\",\"at\":{\"x\":[1]}}",
        "{\"a\":\"b c\",\"evil\":\"\\u001b[31m\\u202e\"}",
        "{not json}",
        "[1,2]",
    ];
    let dir = TempDir::with("log", lines.join("\n") + "\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    let text = "document.querySelector('#rows').innerText";
    let quoted = super::browser::quoted;
    browser.wait(&format!("{text} === {}", quoted(&lines.join("\n"))));
    browser.press("j");
    let folded = [
        "10:00 warn it \u{23ce} failed  id=12345678901234567890 at={\"x\":[1]}",
        " a=\"b c\" evil=\"\\u001b[31m[U+202E]\"",
        lines[2],
        lines[3],
    ];
    browser.wait(&format!("{text} === {}", quoted(&folded.join("\n"))));
    // A search sees what is shown.
    browser.press("/id=1");
    browser.wait("document.querySelector('#count').textContent === '1 found'");
    browser.press("\u{e00c}j");
    browser.wait(&format!("{text} === {}", quoted(&lines.join("\n"))));
    browser.assert_quiet();
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let bytes = |unit: u16| {
        if little {
            unit.to_le_bytes()
        } else {
            unit.to_be_bytes()
        }
    };
    text.encode_utf16().flat_map(bytes).collect()
}

/// As Windows writes it.
#[test]
fn utf_16_is_known_by_its_mark() {
    let Some(browser) = Browser::start() else {
        return;
    };
    for little in [true, false] {
        let dir = TempDir::with(
            "log",
            utf16("\u{feff}first\r\nz\u{fc}ge \u{10a}\u{a0a}\r\n", little),
        );
        dir.write("other", "text\n");
        let filler: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
        dir.write("long", utf16(&format!("\u{feff}{filler}"), little));
        let server = Server::start(&dir);
        for page in ["/log?view", "/log?view#/other&/long"] {
            browser.go("about:blank");
            browser.go(&server.url(page));
            browser.wait_line("z\u{fc}ge \u{10a}\u{a0a}");
            let half = utf16("appended\n", little);
            dir.append("log", &half[..9]);
            dir.append("log", &half[9..]);
            browser.wait_line("\nappended");
            assert_eq!(browser.text().lines().next(), Some("first"));
        }
        // What is in front is fetched as text too.
        browser.press("3");
        browser.wait_line("line 19999");
        browser.press("g");
        browser.wait_line("line 0\nline 1\n");
        browser.press("/line 15000\u{e00c}n");
        browser.wait("document.querySelector('.current')?.textContent === 'line 15000'");
    }
}
