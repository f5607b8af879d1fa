//! Reading in the browser: back and forth in a large file, searching, several files.

use std::fs;

use super::browser::{Browser, ENTER, ESCAPE, quoted};
use crate::support::harness::{Server, TempDir};

const LINES: usize = 400_000;

fn line(number: usize) -> String {
    format!("line {number:07}, with some words behind it\n")
}

/// 16 MB: more than the page holds.
fn large() -> TempDir {
    TempDir::with("log", (0..LINES).map(line).collect::<String>())
}

fn held(browser: &Browser) -> usize {
    let text = browser.value("document.querySelector('#held').textContent");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Scrolls up to a line at least.
fn up(browser: &Browser, to: usize) {
    browser.wait(&format!(
        "(document.querySelector('#log').scrollTop -= 40000, \
         Number(document.querySelector('#rows').firstChild.textContent.slice(5, 12)) <= {to})"
    ));
}

/// Scrolls down to a line at least.
fn down(browser: &Browser, to: usize) {
    browser.wait(&format!(
        "(document.querySelector('#log').scrollTop += 40000, \
         Number(document.querySelector('#rows').lastChild.textContent.slice(5, 12)) >= {to})"
    ));
}

/// The numbers of the lines in the document follow each other.
fn assert_in_order(browser: &Browser) {
    let text = browser.text();
    let numbers: Vec<usize> = text
        .lines()
        .map(|line| line[5..12].parse().expect(line))
        .collect();
    assert!(numbers.len() > 10, "{text}");
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{text}"
    );
}

#[test]
fn a_large_file_is_read_in_pieces() {
    read_in_pieces("/log?view");
}

/// Then its lines come as events.
#[test]
fn a_large_file_is_read_in_pieces_besides_another() {
    read_in_pieces("/log?view#/other");
}

fn read_in_pieces(page: &str) {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = large();
    dir.write("other", "");
    let server = Server::start(&dir);
    browser.resize(1280, 800);
    browser.go(&server.url(page));
    browser.wait_line("line 0399999");
    // It begins with the last 256 KiB, of which only what is in sight is in the document.
    assert!(
        (5_000..8_000).contains(&held(&browser)),
        "{}",
        held(&browser)
    );
    // A window that changes its size (a phone that is turned) still follows.
    for (width, number) in [(390, LINES), (1280, LINES + 1)] {
        browser.resize(width, 2080 - width);
        browser.wait(&format!("innerWidth === {width}"));
        dir.append("log", line(number));
        browser.wait_line(&format!("line {number:07},"));
        assert_eq!(browser.state(), "live");
    }
    assert!(
        browser
            .value("document.querySelectorAll('*').length")
            .parse::<usize>()
            .expect("a number")
            < 250
    );
    up(&browser, 370_000);
    assert_in_order(&browser);
    assert!(held(&browser) <= 20_000);
    // Further than it holds: the end is let go, and comes back on the way down.
    up(&browser, 350_000);
    assert_in_order(&browser);
    assert!(held(&browser) <= 20_000);
    browser.wait_state("reading older lines");
    dir.append("log", line(LINES + 2));
    down(&browser, LINES + 2);
    assert_in_order(&browser);
    browser.wait_state("live");
    // Start, offset, end.
    browser.press("g");
    browser.wait_line("line 0000000,");
    assert_in_order(&browser);
    browser.press("o");
    browser.press(&format!("50%{ENTER}"));
    browser.wait_line("line 0200000,");
    assert_in_order(&browser);
    browser.press("G");
    browser.wait_line("line 0400002,");
    browser.wait_state("live");
    // A flood: everything arrives, little is held.
    let flood: String = (LINES + 3..2 * LINES).map(line).collect();
    dir.append("log", flood);
    browser.wait_line("line 0799999,");
    assert_in_order(&browser);
    assert!(held(&browser) <= 20_000);
    // Paused it stays where it is; what is new is counted.
    browser.press(" ");
    browser.wait_state("live, paused");
    let before = browser.text();
    dir.append("log", line(2 * LINES));
    browser.wait("document.querySelector('#new').textContent.startsWith('1 new')");
    assert_eq!(browser.text().lines().next(), before.lines().next());
    browser.press(" ");
    browser.wait_line("line 0800000,");
    browser.assert_quiet();
}

#[test]
fn searching_and_filtering() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = large();
    dir.append("log", "an Error (here)\nnone\nan error [there]\n");
    let server = Server::start(&dir);
    browser.go(&server.url("/log?view"));
    browser.wait_line("[there]");
    let marks = "[...document.querySelectorAll('mark')].map(mark => mark.textContent).join()";
    browser.press("/error");
    browser.wait(&format!("{marks} === 'Error,error'"));
    browser.press(&format!("{ESCAPE}f"));
    browser
        .wait("document.querySelector('#rows').innerText === 'an Error (here)\\nan error [there]'");
    dir.append("log", "nothing\nERROR again\n");
    browser.wait("document.querySelector('#rows').innerText === 'an Error (here)\\nan error [there]\\nERROR again'");
    browser.press("f");
    browser.wait_line("nothing");
    // Characters mean themselves, unless they are between slashes.
    browser.press("/(h");
    browser.wait(&format!("{marks} === '(h'"));
    browser.press(&format!("{ESCAPE}//e[r]+or ./"));
    browser.wait(&format!("{marks} === 'Error (,error [,ERROR a'"));
    browser.press(&format!("{ESCAPE}//[/"));
    browser.wait("document.querySelector('#search').getAttribute('aria-invalid') === 'true'");
    // Up, beyond what is loaded.
    browser.press(&format!("{ESCAPE}/line 03655{ENTER}"));
    browser.wait_line("line 0365599,");
    let current = "document.querySelector('.current')?.textContent.slice(0, 12)";
    browser.wait(&format!("{current} === 'line 0365599'"));
    browser.press(&format!("{ESCAPE}N"));
    browser.wait(&format!("{current} === 'line 0365598'"));
    browser.press("n");
    browser.wait(&format!("{current} === 'line 0365599'"));
    // It is in sight, and marked.
    assert_eq!(
        browser.value("document.querySelector('.current mark').textContent"),
        "line 03655"
    );
    browser.assert_quiet();
}

#[test]
fn several_files() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::new();
    dir.mkdir("sub");
    for name in ["a.log", "b.log", "c.log", "sub/d#&.log"] {
        fs::write(dir.join(name), format!("this is {name}\n")).expect("write");
    }
    let server = Server::start(&dir);
    browser.resize(390, 844);
    browser.go(&server.url("/a.log?view"));
    browser.wait_line("this is a.log");
    let entry = |name: &str| {
        format!(
            "[...document.querySelectorAll('#entries button')].find(entry => entry.firstChild.textContent === '{name}')"
        )
    };
    for way in [&["b.log"][..], &["c.log"], &["sub/", "d#&.log"]] {
        browser.press("l");
        for name in way {
            browser.wait(&format!("Boolean({})", entry(name)));
            browser.value(&format!("{}.click()", entry(name)));
        }
        browser.wait_line(&format!("this is {}", way.concat()));
    }
    // The tabs are in the address.
    let url = browser.value("location.hash");
    assert_eq!(url, "#/b.log&/c.log&/sub/d%23%26.log");
    // All of them are followed.
    for (key, name) in [
        ("1", "a.log"),
        ("2", "b.log"),
        ("3", "c.log"),
        ("4", "sub/d#&.log"),
    ] {
        dir.append(name, format!("more of {name}\n"));
        browser.press(key);
        browser.wait_line(&format!("more of {name}"));
    }
    browser.go("about:blank");
    browser.go(&server.url(&format!("/a.log?view{url}")));
    browser.wait_line("more of a.log");
    browser.press("4");
    browser.wait_line("more of sub/d#&.log");
    browser.press("x");
    browser.wait("document.querySelectorAll('.tab').length === 3");
    browser.wait_line("this is a.log");
    // Help, and nothing is wider than a phone.
    browser.press("?");
    browser.wait("document.querySelector('#keys').open");
    browser.press(ESCAPE);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), "390");
    browser.assert_quiet();
}

/// A path may begin like the name of a host.
#[test]
fn no_address_makes_the_page_ask_another_server() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = TempDir::with("log", "here\n");
    dir.write("other", "there\n");
    let server = Server::start(&dir);
    browser.go(&server.url("//log?view"));
    browser.wait_line("here");
    browser.assert_quiet();
    let asked = "document.querySelector('#raw').href";
    for other in ["/\\other", "/a/..//other", "//other"] {
        browser.go("about:blank");
        browser.go(&server.url(&format!("/log?view#{other}")));
        browser.wait_line("here");
        browser.press("2");
        browser.wait(&format!("{asked} === {}", quoted(&server.url("/other"))));
        browser.wait_line("there");
        browser.assert_quiet();
    }
}
