//! A headless Chromium, driven through chromedriver by the WebDriver protocol (W3C). Scripts give their results as
//! percent-encoded text, so that no JSON has to be parsed.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::harness::{Running, TempDir};
use crate::support::machine::{free_port, skip};

/// Bound of every wait: a browser on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at the page: each is a script, and takes the browser time that it needs for what is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// A browser with one window, and a profile of its own.
pub struct Browser {
    _driver: Running,
    _profile: TempDir,
    address: String,
    session: String,
    _turn: MutexGuard<'static, ()>,
}

/// Two browsers at a time: each is a dozen processes.
static TURNS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
static STARTS: AtomicUsize = AtomicUsize::new(0);

impl Browser {
    /// `None` where there is none, with a message.
    pub fn start() -> Option<Browser> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| runs(name));
        let (Some(chromium), true) = (chromium, runs("chromedriver")) else {
            skip("no chromium with chromedriver here");
            return None;
        };
        let turn = &TURNS[STARTS.fetch_add(1, Ordering::Relaxed) % TURNS.len()];
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new("chromedriver");
        // With 0 it takes one of those that the kernel gives to whoever wants any, for IPv6, and then may not get it for IPv4.
        let port = free_port();
        command.arg(format!("--port={port}"));
        let driver = Running::new(command);
        driver.stdout.wait_for(&["successfully on port"]);
        let profile = TempDir::new();
        let mut browser = Browser {
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            _driver: driver,
            _profile: profile,
            _turn: turn,
        };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile,
        ]
        .iter()
        .map(|argument| quoted(argument))
        .collect();
        let said = browser.call(
            "POST",
            "",
            &format!(
                "{{\"capabilities\":{{\"alwaysMatch\":{{\"acceptInsecureCerts\":true,\"goog:loggingPrefs\":{{\"browser\":\"ALL\"}},\
                 \"goog:chromeOptions\":{{\"binary\":{},\"args\":[{}]}}}}}}}}",
                quoted(&path_of(chromium)),
                arguments.join(",")
            ),
        );
        let (_, rest) = said
            .split_once("\"sessionId\":\"")
            .unwrap_or_else(|| panic!("no session: {said}"));
        browser.session = format!("/{}", rest.split('"').next().expect("an end"));
        Some(browser)
    }

    fn call(&self, method: &str, path: &str, body: &str) -> String {
        let said = self
            .try_call(method, path, body)
            .expect("chromedriver answers");
        assert!(
            !said.contains("\"error\":"),
            "{method} {path} {body}: {said}"
        );
        said
    }

    fn try_call(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} /session{}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head.split("content-length:").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
                if length.is_none_or(|length: usize| rest.len() >= length) {
                    return Ok(rest.to_string());
                }
            }
            match stream.read(&mut buffer) {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => answer.extend_from_slice(&buffer[..n]),
                // With a timeout, recv(2) is not restarted by itself.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
        while self.value(expression) != "true" {
            assert!(
                start.elapsed() < PATIENCE,
                "waited for {expression}; there is: {} {}\n{}",
                self.value("document.title"),
                self.state(),
                self.text()
            );
            thread::sleep(LOOK);
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
    /// The driver ends the browser with the session.
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.try_call("DELETE", "", "");
        }
    }
}

pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn path_of(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.exists());
    found.expect("it runs").display().to_string()
}

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
