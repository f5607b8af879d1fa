//! Two servers of the same files behind the proxies of `packaging/proxies/heads-*`: one of them is killed, and whoever follows
//! gets every line once.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::proxies::{Proxy, installed, launch, nginx};
use crate::support::client::Client;
use crate::support::harness::{Running, Server, TempDir, eventually, openrange};
use crate::support::machine::free_port;
use crate::support::machine::skip;

const NAME: &str = "logs.example.com";

const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    file: "heads-haproxy.conf",
    command: |conf| {
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(conf);
        command
    },
    tells_cuts: true,
    patience: None,
};
const NGINX: Proxy = Proxy {
    program: "nginx",
    file: "heads-nginx.conf",
    command: nginx,
    tells_cuts: true,
    patience: None,
};

/// Where two servers listen, and are asked about their health.
struct Heads {
    dir: TempDir,
    ports: [(u16, u16); 2],
    running: [Option<Server>; 2],
}

impl Heads {
    fn start() -> Heads {
        let mut heads = Heads {
            dir: TempDir::with("log", ""),
            ports: [(); 2].map(|()| (free_port(), free_port())),
            running: [None, None],
        };
        heads.run(0);
        heads.run(1);
        heads
    }

    fn run(&mut self, head: usize) {
        let (port, admin) = self.ports[head];
        let (listen, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}"));
        let mut command = openrange(&["--listen", &listen, "--admin", &admin, "--host", NAME]);
        command.arg(self.dir.path());
        self.running[head] = Some(Server::launch(command));
    }

    /// The configuration with the addresses of this test.
    fn localized(&self, file: &str, port: u16) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/proxies");
        let text = fs::read_to_string(path.join(file)).expect("a configuration");
        assert!(text.contains(&format!("openrange --host {NAME}")));
        let [one, two] = self.ports;
        let at = |host: &str, port: u16| format!(".host = \"{host}\";\n    .port = \"{port}\"");
        let pairs = [
            (
                String::from("127.0.0.1:8080 check port 8090"),
                format!("127.0.0.1:{} check port {}", one.0, one.1),
            ),
            (
                String::from("127.0.0.2:8080 check port 8090"),
                format!("127.0.0.1:{} check port {}", two.0, two.1),
            ),
            (
                String::from("127.0.0.1:8080"),
                format!("127.0.0.1:{}", one.0),
            ),
            (
                String::from("127.0.0.2:8080"),
                format!("127.0.0.1:{}", two.0),
            ),
            (at("127.0.0.1", 8080), at("127.0.0.1", one.0)),
            (at("127.0.0.2", 8080), at("127.0.0.1", two.0)),
            (String::from("bind :80"), format!("bind 127.0.0.1:{port}")),
            (
                String::from("listen 80 "),
                format!("listen 127.0.0.1:{port} "),
            ),
        ];
        pairs
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to))
    }
}

fn check(proxy: &Proxy) {
    if !installed(proxy.program) {
        return skip(&format!("there is no {}", proxy.program));
    }
    let mut heads = Heads::start();
    let home = TempDir::new();
    let port = free_port();
    let text = heads.localized(proxy.file, port);
    let _proxy = launch(proxy, &home, "conf", &text, port);
    let url = format!("http://127.0.0.1:{port}/log");
    let follow = || Running::new(openrange(&["follow", "--until-end", &url]));
    let mut followers: Vec<Running> = (0..4).map(|_| follow()).collect();
    let mut expected = Vec::new();
    for round in 0..6 {
        for line in 0..20 {
            let line = format!("round {round} line {line}");
            heads.dir.append("log", format!("{line}\n"));
            expected.push(line);
        }
        let last = expected.last().expect("a line").clone();
        for follower in &followers {
            follower.stdout.wait_for(&[&last]);
        }
        // Kills one of them, in turn, whoever it serves; the other one goes on alone for a while.
        let head = round % 2;
        drop(heads.running[head].take());
        heads.dir.append("log", format!("round {round} alone\n"));
        expected.push(format!("round {round} alone"));
        for follower in &followers {
            follower.stdout.wait_for(&[&format!("round {round} alone")]);
        }
        heads.run(head);
        eventually("the proxy answers", || {
            Client::try_to(&format!("127.0.0.1:{port}")).is_ok()
        });
    }
    heads.dir.rename("log", "log.1");
    for follower in &mut followers {
        assert!(follower.wait().success());
        assert!(
            follower.stdout.all() == expected,
            "{:?}",
            follower.stdout.all()
        );
    }
}

#[test]
fn behind_haproxy() {
    check(&HAPROXY);
}

#[test]
fn behind_nginx() {
    check(&NGINX);
}

const VARNISH: Proxy = Proxy {
    program: "varnishd",
    file: "heads-varnish.vcl",
    command: |conf| {
        let home = conf.parent().expect("a directory");
        let port = fs::read_to_string(home.join("port")).expect("a port");
        let mut command = Command::new("varnishd");
        command.args(["-F", "-s", "malloc,16m", "-a", &format!("127.0.0.1:{port}")]);
        command
            .arg("-n")
            .arg(home.join("varnish"))
            .arg("-f")
            .arg(conf);
        command
    },
    tells_cuts: true,
    patience: None,
};

/// Sealed generations are kept, and nothing else is.
#[test]
fn behind_varnish() {
    if !installed("varnishd") {
        return skip("there is no varnishd");
    }
    let heads = Heads::start();
    let (home, port) = (TempDir::new(), free_port());
    home.write("port", port.to_string());
    let text = heads.localized(VARNISH.file, port);
    let _varnish = launch(&VARNISH, &home, "conf.vcl", &text, port);
    heads.dir.append("log", "one\n");
    let address = format!("127.0.0.1:{port}");
    let get = |target: &str, fields: &[&str]| {
        let mut client = Client::to(&address);
        client.get(target, fields)
    };
    let whole = get("/log", &[]);
    assert_eq!((whole.status, &whole.body[..]), (200, &b"one\n"[..]));
    let tag = whole.etag().to_owned();
    let by_tag = format!("/log?generation={}", &tag[3..tag.len() - 1]);
    let asked = || {
        let logs = heads.running.iter().flatten();
        logs.map(|head| head.log().count("GET /log")).sum::<usize>()
    };
    // What may still grow comes from a server each time.
    for target in ["/log", &by_tag] {
        let before = asked();
        for count in 1..=3 {
            assert_eq!(get(target, &[]).body, b"one\n");
            eventually("a request", || asked() == before + count);
        }
    }
    let mut tail = crate::support::tail::Tail::open(Client::to(&address), "/log", 0, &[]);
    tail.wait_for(4);
    heads.dir.append("log", "two\n");
    tail.wait_for(8);
    heads.dir.chmod("log", 0o444);
    tail.end();
    assert_eq!(tail.body, b"one\ntwo\n");
    heads.dir.rename("log", "log.1");
    heads.dir.write("log", "next\n");
    assert_eq!(get(&by_tag, &[]).body, b"one\ntwo\n");
    let before = asked();
    for _ in 0..3 {
        let kept = get(&by_tag, &[]);
        assert_eq!(kept.body, b"one\ntwo\n");
        assert_eq!(
            kept.field("Cache-Control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(get(&by_tag, &["Range: bytes=4-6"]).body, b"two");
    }
    assert_eq!(asked(), before, "it was kept");
    assert_eq!(get("/log", &[]).body, b"next\n");
    assert_eq!(asked(), before + 1);
}
