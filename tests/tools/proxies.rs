//! The configurations in `packaging/proxies`, each with the real proxy, where that is installed.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::support::harness::{Running, Server, TempDir, until};
use crate::support::machine::free_port;

/// How a proxy is run with a configuration.
pub struct Proxy {
    pub program: &'static str,
    pub file: &'static str,
    pub command: fn(&Path) -> Command,
    /// Whether it hands on that a stream is broken, and does not make a proper end of it.
    pub tells_cuts: bool,
    /// What keeps idle tails; with another value they are cut.
    pub patience: Option<(&'static str, &'static str)>,
}

pub const NGINX: Proxy = Proxy {
    program: "nginx",
    file: "nginx.conf",
    command: nginx,
    tells_cuts: true,
    patience: Some(("proxy_read_timeout 1d", "proxy_read_timeout 1s")),
};
pub const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    file: "haproxy.conf",
    command: |conf| {
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(conf);
        command
    },
    tells_cuts: true,
    patience: Some(("timeout server 1d", "timeout server 1s")),
};
/// Without time-outs of its own.
const CADDY: Proxy = Proxy {
    program: "caddy",
    file: "caddy.conf",
    command: |conf| {
        let mut command = Command::new("caddy");
        let home = conf.parent().expect("a directory");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.arg(conf).env("HOME", home);
        command
            .env("XDG_DATA_HOME", home)
            .env("XDG_CONFIG_HOME", home);
        command
    },
    // Up to 2.6 at least.
    tells_cuts: false,
    patience: None,
};

/// nginx has more in its main file, which is not ours.
pub fn nginx(conf: &Path) -> Command {
    let home = conf.parent().expect("a directory").display();
    let main = conf.with_extension("main");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {home}/{name};"))
        .collect();
    let text = format!(
        "daemon off; master_process off; pid {home}/pid; error_log stderr; events {{}}
        http {{ access_log off; {temporary} include {}; }}",
        conf.display()
    );
    fs::write(&main, text).expect("write");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(home.to_string()).arg("-c").arg(main);
    command
}

/// What clients call the proxy.
const NAME: &str = "logs.example.com";

/// A self-signed certificate, its key, and both.
pub fn certificate(dir: &TempDir) {
    let (key, cert) = (dir.join("key.pem"), dir.join("cert.pem"));
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("openssl");
    assert!(output.status.success(), "{output:?}");
    let both = [cert, key]
        .map(|path| fs::read(path).expect("a file"))
        .concat();
    dir.write("both.pem", both);
}

/// The configuration with the paths and addresses of this test.
pub fn localized(proxy: &Proxy, server: &Server, home: &TempDir, port: u16) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging/proxies")
        .join(proxy.file);
    let mut text = fs::read_to_string(path).expect("a configuration");
    assert!(text.contains(&format!("openrange --host {NAME}")));
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "no {from} in {}", proxy.file);
        text = text.replace(from, to);
    };
    // First: digits of the other addresses, which differ in each run, may look like it.
    replace("443", &port.to_string());
    replace("127.0.0.1:8080", &server.address);
    replace("/etc/ssl/openrange", &home.path().display().to_string());
    if proxy.program == "caddy" {
        text = format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}");
    }
    text
}

pub fn launch(proxy: &Proxy, home: &TempDir, name: &str, text: &str, port: u16) -> Running {
    home.write(name, text);
    let running = Running::new((proxy.command)(&home.join(name)));
    until("the proxy", || {
        assert_eq!(
            running
                .stderr
                .all()
                .iter()
                .find(|line| line.contains("[emerg]")),
            None
        );
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    running
}

/// The versions of HTTP that clients speak with a proxy: what curl takes for each, and what it says of a response.
const VERSIONS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2", "2")];

/// Follows a file through the proxy; each line comes as it is written.
fn follow(port: u16, path: &str, version: &str) -> Running {
    let mut command = Command::new("curl");
    // On stderr, when the response is over.
    command.args(["-w", "%{stderr}HTTP/%{http_version}\n"]);
    command.args(["-skN", version, "-r", "0-", "--resolve"]);
    command.arg(format!("{NAME}:{port}:127.0.0.1"));
    command.arg(format!("https://{NAME}:{port}{path}"));
    Running::new(command)
}

pub fn installed(program: &str) -> bool {
    ["-v", "version"]
        .iter()
        .any(|word| Command::new(program).arg(word).output().is_ok())
}

fn check(proxy: &Proxy) {
    for program in [proxy.program, "openssl", "curl"] {
        if !installed(program) {
            // Not eprintln!, which the test runner would keep to itself.
            let _ = writeln!(std::io::stderr(), "skipped: there is no {program}");
            return;
        }
    }
    for version in VERSIONS {
        check_version(proxy, version);
    }
}

fn check_version(proxy: &Proxy, (version, spoken): (&str, &str)) {
    // Over HTTP/2 it makes a proper end of a broken tail, so its configuration offers HTTP/1.1 only.
    let spoken = if proxy.program == "haproxy" {
        "1.1"
    } else {
        spoken
    };
    let follow = |port, path| follow(port, path, version);
    let dir = TempDir::with("log", "begin\n");
    dir.write("cut", "begin\n");
    // As the comment in each configuration says.
    let server = Server::with(&dir, &["--host", NAME]);
    let home = TempDir::new();
    certificate(&home);
    let port = free_port();
    let text = localized(proxy, &server, &home, port);
    let _proxy = launch(proxy, &home, "conf", &text, port);

    let mut tail = follow(port, "/log");
    tail.stdout.wait_for(&["begin"]);
    for number in 0..3 {
        dir.append("log", format!("line {number}\n"));
        tail.stdout.wait_for(&[&format!("line {number}")]);
    }
    let mut cut = follow(port, "/cut");
    cut.stdout.wait_for(&["begin"]);
    // One version shows that the time-outs are those that matter.
    if let Some((patience, less)) = proxy.patience.filter(|_| version == "--http1.1") {
        // What a shorter time-out does, at the end of which the configured one has not come.
        let other = free_port();
        let text = localized(proxy, &server, &home, other);
        assert!(text.contains(patience), "no {patience} in {}", proxy.file);
        let text = text.replace(patience, less);
        let _impatient = launch(proxy, &home, "impatient", &text, other);
        let mut idle = follow(other, "/log");
        idle.stdout.wait_for(&["line 2"]);
        assert!(!idle.wait().success(), "a tail that is cut is no end");
    }
    dir.append("log", "last\n");
    tail.stdout.wait_for(&["last"]);
    dir.rename("log", "log.1");
    assert!(tail.wait().success(), "the end of a tail");
    assert_eq!(tail.stdout.all().len(), 5);
    tail.stderr.wait_for(&[&format!("HTTP/{spoken}")]);
    // A truncated file.
    dir.resize("cut", 0);
    let ended = cut.wait().success();
    assert!(!(ended && proxy.tells_cuts), "a broken stream is no end");
    // A client that leaves is not followed on.
    let left = follow(port, "/log.1");
    left.stdout.wait_for(&["last"]);
    drop(left);
    server.log().wait_for(&["tail of /log.1 ended", "left"]);
}

#[test]
fn behind_nginx() {
    check(&NGINX);
}

#[test]
fn behind_haproxy() {
    check(&HAPROXY);
}

#[test]
fn behind_caddy() {
    check(&CADDY);
}
