//! A headless Chromium, driven through chromedriver by the WebDriver protocol (W3C). To start one takes more time than most
//! tests need it for: a test leaves its browser to the next one, with nothing of its own in it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::browser::quoted;
use crate::support::harness::{Running, TempDir};
use crate::support::machine::{free_port, skip, succeeds};

/// Bound of every wait: a browser on a busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// So many browsers at a time: each is a dozen processes, which wait half of the time.
const MOST: usize = 3;

static TURNS: Mutex<Turns> = Mutex::new(Turns {
    taken: 0,
    waiting: 0,
    left: Vec::new(),
});
static CHANGED: Condvar = Condvar::new();

struct Turns {
    taken: usize,
    /// Tests that want a browser.
    waiting: usize,
    /// Never more than tests wait for one: nobody would end them.
    left: Vec<Session>,
}

impl Turns {
    fn lock() -> MutexGuard<'static, Turns> {
        TURNS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_wanted(&self) -> bool {
        self.waiting > self.left.len()
    }
}

/// The right to have a browser.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        Turns::lock().taken -= 1;
        CHANGED.notify_all();
    }
}

/// A browser with one tab, and a profile of its own.
pub struct Session {
    address: String,
    /// The path of its resource, once it has begun.
    path: String,
    _driver: Running,
    _profile: TempDir,
    // The last of them: what is above is gone when another test gets it.
    _turn: Turn,
}

impl Session {
    /// `None` where there is no browser, with a message.
    pub fn take() -> Option<Session> {
        let chromium = chromium()?;
        let mut turns = Turns::lock();
        turns.waiting += 1;
        let mut turns = CHANGED
            .wait_while(turns, |turns| turns.left.is_empty() && turns.taken == MOST)
            .unwrap_or_else(PoisonError::into_inner);
        turns.waiting -= 1;
        if let Some(session) = turns.left.pop() {
            return Some(session);
        }
        turns.taken += 1;
        drop(turns);
        Some(Session::start(chromium, Turn))
    }

    /// Leaves it to a test that waits for one, if there is any.
    pub fn leave(self) {
        if !Turns::lock().is_wanted() {
            return;
        }
        self.renew();
        let mut turns = Turns::lock();
        // Others may have left theirs meanwhile.
        if turns.is_wanted() {
            turns.left.push(self);
            CHANGED.notify_all();
        } else {
            drop(turns);
            drop(self);
        }
    }

    fn start(chromium: &str, turn: Turn) -> Session {
        let mut command = Command::new("chromedriver");
        // With 0 it takes one of those that the kernel gives to whoever wants any, for IPv6, and then may not get it for IPv4.
        let port = free_port();
        command.arg(format!("--port={port}"));
        let driver = Running::new(command);
        driver.stdout.wait_for(&["successfully on port"]);
        let profile = TempDir::new();
        let directory = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &directory,
        ]
        .map(quoted);
        let mut session = Session {
            address: format!("127.0.0.1:{port}"),
            path: String::new(),
            _driver: driver,
            _profile: profile,
            _turn: turn,
        };
        let said = session.call(
            "POST",
            "",
            &format!(
                "{{\"capabilities\":{{\"alwaysMatch\":{{\"acceptInsecureCerts\":true,\"goog:loggingPrefs\":{{\"browser\":\"ALL\"}},\
                 \"goog:chromeOptions\":{{\"binary\":{},\"args\":[{}]}}}}}}}}",
                quoted(chromium),
                arguments.join(",")
            ),
        );
        session.path = format!("/{}", text_of("sessionId", &said));
        session
    }

    /// Puts a new tab into the place of the one that was used, and forgets what pages have stored.
    fn renew(&self) {
        let said = self.call("POST", "/window/new", "{\"type\":\"tab\"}");
        self.call("DELETE", "/window", "");
        let window = text_of("handle", &said);
        self.call("POST", "/window", &format!("{{\"handle\":\"{window}\"}}"));
        for (command, parameters) in [
            ("Network.clearBrowserCookies", "{}"),
            ("Network.clearBrowserCache", "{}"),
            (
                "Storage.clearDataForOrigin",
                "{\"origin\":\"*\",\"storageTypes\":\"all\"}",
            ),
        ] {
            let body = format!("{{\"cmd\":\"{command}\",\"params\":{parameters}}}");
            self.call("POST", "/goog/cdp/execute", &body);
        }
        self.call("POST", "/se/log", "{\"type\":\"browser\"}");
    }

    /// The body of the response.
    pub fn call(&self, method: &str, path: &str, body: &str) -> String {
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
            self.path,
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
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => answer.extend_from_slice(&buffer[..n]),
                // With a timeout, recv(2) is not restarted by itself.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Session {
    /// The driver ends the browser with the session.
    fn drop(&mut self) {
        if !self.path.is_empty() {
            let _ = self.try_call("DELETE", "", "");
        }
    }
}

/// The value of a member that is a string without escapes.
fn text_of<'a>(member: &str, json: &'a str) -> &'a str {
    let (_, rest) = json
        .split_once(&format!("\"{member}\":\""))
        .unwrap_or_else(|| panic!("no {member}: {json}"));
    rest.split('"').next().expect("an end")
}

/// Where the browser is. `None` where there is none, or no driver, with a message.
fn chromium() -> Option<&'static str> {
    static PATH: OnceLock<Option<String>> = OnceLock::new();
    let runs = |program: &&str| succeeds(program, &["--version"]);
    let path = PATH.get_or_init(|| {
        let mut programs = ["chromium", "chromium-browser", "google-chrome"].into_iter();
        let chromium = programs.find(runs)?;
        runs(&"chromedriver").then(|| path_of(chromium))
    });
    if path.is_none() {
        skip("no chromium with chromedriver here");
    }
    path.as_deref()
}

fn path_of(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.exists());
    found.expect("it runs").display().to_string()
}
