//! Phones, keyboards and screen readers: sizes, landmarks, contrast, and what axe-core finds.

use std::path::PathBuf;

use super::browser::Browser;
use crate::support::harness::{Server, TempDir};
use crate::support::machine::skip;

/// All kinds of lines that have a colour.
const LINES: &str = "2026-11-28 04:00:01 INFO starting\nWARN nearly full\nERROR failed\nDEBUG details\n\
    \x1b[31mred\x1b[0m \x1b[32mgreen\x1b[0m \x1b[33myellow\x1b[0m \x1b[34mblue\x1b[0m \x1b[35mmagenta\x1b[0m \
    \x1b[36mcyan\x1b[0m \x1b[37mwhite\x1b[0m \x1b[30mblack\x1b[0m \x1b[93mbright\x1b[0m \x1b[2mdim\x1b[0m \
    \x1b[38;5;226m226\x1b[0m \x1b[44;33myellow on blue\x1b[0m \x1b[7minverse\x1b[0m \x1b[103mon yellow\x1b[0m\nfind me\n";

/// The dialogs, and how each is opened.
const DIALOGS: [(&str, &str); 5] = [
    ("list", "l"),
    ("jump", "o"),
    ("options", "v"),
    ("saving", "s"),
    ("keys", "?"),
];

fn serve() -> (TempDir, Server) {
    let dir = TempDir::with("log", LINES);
    for number in 0..4 {
        dir.write(&format!("another-{number}.log"), "a line\n");
    }
    let server = Server::start(&dir);
    (dir, server)
}

fn page(server: &Server) -> String {
    server.url("/log?view#/another-0.log&/another-1.log&/another-2.log")
}

/// Where axe-core is, if it was installed (`npm install axe-core`, here or globally).
fn axe() -> Option<String> {
    let mut places: Vec<PathBuf> = vec![
        "node_modules".into(),
        "/usr/lib/node_modules".into(),
        "/usr/local/lib/node_modules".into(),
        "/usr/share/nodejs".into(),
    ];
    places.extend(std::env::var_os("NODE_PATH").map(PathBuf::from));
    let found = places
        .iter()
        .find_map(|place| std::fs::read_to_string(place.join("axe-core/axe.min.js")).ok());
    if found.is_none() {
        skip("no axe-core here: npm install axe-core");
    }
    found
}

/// What axe-core calls serious or critical in the page as it is now.
fn serious(browser: &Browser, axe: &str) -> String {
    browser.run(axe);
    browser.run(
        "window.found = null; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => { \
         window.found = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))\
         .map(({ id, nodes }) => id + ': ' + nodes.map(node => node.html).slice(0, 3).join(' ')).join('\\n'); })",
    );
    browser.wait("window.found !== null");
    browser.value("window.found")
}

#[test]
fn axe_finds_nothing_serious() {
    let (Some(axe), Some(browser)) = (axe(), Browser::start()) else {
        return;
    };
    let (_dir, server) = serve();
    let secrets = TempDir::with("tokens", "secret\n");
    let tokens = secrets.join("tokens").display().to_string();
    let closed = Server::with(&_dir, &["--token-file", &tokens]);
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for width in [360, 1280] {
            browser.resize(width, 800);
            browser.go("about:blank");
            browser.go(&page(&server));
            browser.wait_line("find me");
            assert_eq!(serious(&browser, &axe), "", "{scheme} {width}");
            browser.press("/find\u{e00c}n");
            browser.wait("Boolean(document.querySelector('.current mark'))");
            browser.press("0");
            browser.wait("Boolean(document.querySelector('.source'))");
            assert_eq!(serious(&browser, &axe), "", "all files, {scheme} {width}");
            for (dialog, key) in DIALOGS {
                browser.press(key);
                browser.wait(&format!("document.querySelector('#{dialog}').open"));
                assert_eq!(serious(&browser, &axe), "", "{dialog}, {scheme} {width}");
                browser.value(&format!("document.querySelector('#{dialog}').close()"));
            }
            browser.go(&server.url("/"));
            browser.wait("document.title === '/'");
            assert_eq!(serious(&browser, &axe), "", "the list, {scheme} {width}");
            browser.go(&closed.url("/"));
            browser.wait("document.title === 'Log in: openrange'");
            assert_eq!(serious(&browser, &axe), "", "log in, {scheme} {width}");
        }
    }
}

/// What a finger can hit, what can be read without zooming, and nothing beside the screen.
#[test]
fn a_phone_shows_all_of_it() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (_dir, server) = serve();
    browser.resize(360, 740);
    browser.go(&page(&server));
    browser.wait_line("find me");
    let small = |container: &str| {
        let script = format!(
            "[...document.querySelectorAll('{container} button, {container} input, {container} label, {container} a')]\
             .filter(element => element.offsetParent && !element.closest('[hidden]'))\
             .filter(element => {{ const box = (element.closest('label') ?? element).getBoundingClientRect();\
             const cut = !element.closest('#tabs') && (box.left < 0 || box.right > innerWidth);\
             const letters = element.localName === 'input' && element.type !== 'checkbox' && parseFloat(getComputedStyle(element).fontSize) < 16;\
             return box.height < 44 || box.width < 44 || cut || letters; }})\
             .map(element => element.id || element.outerHTML).join()"
        );
        browser.value(&script)
    };
    assert_eq!(small("body > :not(dialog)"), "");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), "360");
    // A filter and an exclusion, selected lines.
    browser.value("document.querySelector('#only').click()");
    browser.value(
        "document.querySelector('#rows > div').dispatchEvent(new MouseEvent('click', { bubbles: true, clientX: 5 }))",
    );
    browser.wait("!document.querySelector('#selected').hidden");
    browser.wait("Boolean(document.querySelector('#exclude').offsetParent)");
    assert_eq!(small("body > :not(dialog)"), "");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), "360");
    for (dialog, key) in DIALOGS {
        browser.press(key);
        browser.wait(&format!("document.querySelector('#{dialog}').open"));
        if dialog == "list" {
            browser.wait("document.querySelectorAll('#entries button').length > 3");
        }
        assert_eq!(small(&format!("#{dialog}")), "", "{dialog}");
        let inside = format!(
            "document.querySelector('#{dialog}').scrollWidth <= document.querySelector('#{dialog}').clientWidth"
        );
        assert_eq!(browser.value(&inside), "true", "{dialog}");
        browser.value(&format!("document.querySelector('#{dialog}').close()"));
    }
    // The list of the directory.
    browser.go(&server.url("/"));
    browser.wait("document.title === '/'");
    assert_eq!(small("table"), "");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), "360");
    browser.assert_quiet();
}

#[test]
fn the_page_has_landmarks_and_names() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (_dir, server) = serve();
    browser.go(&page(&server));
    browser.wait_line("find me");
    assert_eq!(
        browser.value("document.querySelectorAll('main').length"),
        "1"
    );
    assert_eq!(
        browser.value(
            "document.querySelectorAll('h1').length + document.querySelector('h1').textContent"
        ),
        "1/log"
    );
    let children = "[...document.querySelector('[role=tablist]').children].map(tab => tab.getAttribute('role')).join()";
    assert_eq!(browser.value(children), "tab,tab,tab,tab,tab");
    // Tabs are moved through by arrows, and closed by a key.
    browser.value("document.querySelector('[role=tab][aria-selected=true]').focus()");
    browser.press("\u{e014}");
    browser.wait("document.title.endsWith('/another-0.log')");
    browser.press("\u{e017}");
    browser.wait("document.querySelectorAll('.tab').length === 3");
    let icon = browser.value("document.querySelector('link[rel=icon]').href.slice(0, 22)");
    assert_eq!(icon, "data:image/png;base64,");
    browser.assert_quiet();
}
