//! What tests do in a browser. Scripts give their results as percent-encoded text, so that no JSON has to be parsed.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use super::session::{PATIENCE, Session};

/// Between two looks at the page, at least and at most: each is a script, and takes the browser time that it needs for what
/// is waited for.
const LOOK: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_millis(100);

/// A browser in which nothing was done yet, with one tab.
pub struct Browser(Option<Session>);

impl Browser {
    /// `None` where there is none, with a message.
    pub fn start() -> Option<Browser> {
        Session::take().map(|session| Browser(Some(session)))
    }

    fn call(&self, method: &str, path: &str, body: &str) -> String {
        let session = self.0.as_ref().expect("it is there until the end");
        session.call(method, path, body)
    }

    /// Of the window, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = format!(
            "{{\"cmd\":\"Emulation.setDeviceMetricsOverride\",\"params\":{{\"width\":{width},\"height\":{height},\
             \"deviceScaleFactor\":1,\"mobile\":{}}}}}",
            width < 600
        );
        self.call("POST", "/goog/cdp/execute", &size);
    }

    pub fn go(&self, url: &str) {
        self.call("POST", "/url", &format!("{{\"url\":{}}}", quoted(url)));
    }

    /// The value of an expression, as text.
    pub fn value(&self, expression: &str) -> String {
        let script = quoted(&format!("return encodeURIComponent(String({expression}))"));
        let said = self.call(
            "POST",
            "/execute/sync",
            &format!("{{\"script\":{script},\"args\":[]}}"),
        );
        let (_, rest) = said
            .split_once("\"value\":\"")
            .unwrap_or_else(|| panic!("{expression}: {said}"));
        let value = rest.split('"').next().expect("an end");
        percent_encoding::percent_decode_str(value)
            .decode_utf8()
            .expect("UTF-8")
            .into_owned()
    }

    /// Runs a script.
    pub fn run(&self, script: &str) {
        let body = format!("{{\"script\":{},\"args\":[]}}", quoted(script));
        self.call("POST", "/execute/sync", &body);
    }

    /// What the window shows, as PNG in base64.
    pub fn screenshot(&self) -> String {
        let said = self.call("GET", "/screenshot", "");
        let (_, value) = said.split_once("\"value\":\"").expect("a value");
        value.split('"').next().expect("an end").to_string()
    }

    /// As a device that is set to this colour scheme.
    pub fn prefer(&self, scheme: &str) {
        let features = format!(
            "{{\"cmd\":\"Emulation.setEmulatedMedia\",\"params\":{{\"features\":\
             [{{\"name\":\"prefers-color-scheme\",\"value\":{}}}]}}}}",
            quoted(scheme)
        );
        self.call("POST", "/goog/cdp/execute", &features);
    }

    /// Waits until an expression is true.
    pub fn wait(&self, expression: &str) {
        let start = Instant::now();
        loop {
            let look = Instant::now();
            if self.value(expression) == "true" {
                return;
            }
            let took = look.elapsed();
            assert!(
                start.elapsed() < PATIENCE,
                "waited for {expression}; there is: {} {}\n{}",
                self.value("document.title"),
                self.state(),
                self.text()
            );
            thread::sleep(took.clamp(LOOK, LOOK_MAX));
        }
    }

    /// Presses and releases these keys, one after the other.
    pub fn press(&self, keys: &str) {
        let mut actions = String::new();
        for key in keys.chars() {
            let comma = if actions.is_empty() { "" } else { "," };
            let key = quoted(&key.to_string());
            let _ = write!(
                actions,
                "{comma}{{\"type\":\"keyDown\",\"value\":{key}}},{{\"type\":\"keyUp\",\"value\":{key}}}"
            );
        }
        let body = format!(
            "{{\"actions\":[{{\"type\":\"key\",\"id\":\"keys\",\"actions\":[{actions}]}}]}}"
        );
        self.call("POST", "/actions", &body);
    }

    /// The lines that are in the document now.
    pub fn text(&self) -> String {
        self.value("document.querySelector('#rows')?.innerText")
    }

    /// Waits for a line with this in it.
    pub fn wait_line(&self, part: &str) {
        self.wait(&format!(
            "Boolean(document.querySelector('#rows')?.innerText.includes({}))",
            quoted(part)
        ));
    }

    /// What the status says.
    pub fn state(&self) -> String {
        self.value("document.querySelector('#state')?.textContent")
    }

    pub fn wait_state(&self, part: &str) {
        self.wait(&format!(
            "Boolean(document.querySelector('#state')?.textContent.includes({}))",
            quoted(part)
        ));
    }

    /// What the console has said since the last call: errors of scripts, violations of the policy, failed requests.
    pub fn console(&self) -> String {
        let said = self.call("POST", "/se/log", "{\"type\":\"browser\"}");
        let (_, value) = said.split_once("\"value\":").expect("a value");
        value.trim_end_matches('}').to_string()
    }

    pub fn assert_quiet(&self) {
        assert_eq!(self.console(), "[]");
    }
}

impl Drop for Browser {
    /// What a test has failed with is left to nobody.
    fn drop(&mut self) {
        if let Some(session) = self.0.take()
            && !thread::panicking()
        {
            session.leave();
        }
    }
}

pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

/// As a JSON string, which is one of JavaScript too.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                let _ = write!(quoted, "\\{character}");
            }
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
