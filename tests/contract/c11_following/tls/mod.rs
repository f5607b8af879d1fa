//! `https://`: the same through TLS, and nothing at all from a server that cannot prove who it is.

pub mod terminator;

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use openrange::client::exchange::Exchange;
use openrange::client::tls::{Files, Trust};
use openrange::client::transport::Transport;
use openrange::client::url::Url;
use openrange::os::epoll::{Poll, Token};
use terminator::{Authority, Identity, Terminator};

use super::{Running, contents, rotate, run};
use crate::support::harness::{Server, TempDir, eventually, openrange};

fn address(server: &Server) -> SocketAddr {
    let url = server.url("");
    url["http://".len()..].parse().expect("an address")
}

#[test]
fn a_log_comes_across_rolls_cuts_and_restarts() {
    let root = TempDir::with("log", "first\n");
    let server = Server::start(&root);
    let authority = Authority::new();
    let front = Terminator::start(&authority.sign("DNS:localhost"), address(&server));
    let state = root.join(".state").display().to_string();
    let (trusted, log) = (authority.file(), front.url("/log"));
    let arguments = ["follow", "--ca-file", &trusted, "--state", &state, &log];
    let follow = Running::start(&arguments);
    let mut expected = String::from("first\n");
    follow.has(&expected);
    for roll in 0..3 {
        root.append("log", format!("last of {roll}\n"));
        rotate(&root, "log");
        root.write("log", format!("first of {roll}\n"));
        expected += &format!("last of {roll}\nfirst of {roll}\n");
        follow.has(&expected);
        // No end of a live response.
        assert!(front.cut() > 0);
        root.append("log", "after the cut\n");
        expected += "after the cut\n";
        follow.has(&expected);
    }
    follow.says("the connection was cut");
    assert_eq!(front.names().first().map(String::as_str), Some("localhost"));
    assert_eq!(follow.stop().0.code(), Some(0));
    root.append("log", "while away\n");
    let (code, out, err) = run(&[&arguments[..], &["--until-caught-up"]].concat());
    assert_eq!((code, out.as_str()), (Some(0), "while away\n"), "{err}");
}

#[test]
fn megabytes_come_whole_with_each_version() {
    let lines: String = (0..400_000).map(|line| format!("{line}\n")).collect();
    let root = TempDir::with("log", &lines);
    let server = Server::start(&root);
    let authority = Authority::new();
    let identity = authority.sign("DNS:localhost,IP:127.0.0.1");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let front = Terminator::speaking(&identity, address(&server), &[version]);
        for host in ["localhost", "127.0.0.1"] {
            let url = front.url("/log").replace("localhost", host);
            let trusted = authority.file();
            let arguments = ["follow", "--until-caught-up", "--ca-file", &trusted, &url];
            let (code, out, err) = run(&arguments);
            assert_eq!(code, Some(0), "{err}");
            assert!(out == lines, "{} of {} bytes", out.len(), lines.len());
        }
    }
}

#[test]
fn a_directory_is_mirrored() {
    let root = TempDir::with("a", "of a\n");
    let server = Server::start(&root);
    let authority = Authority::new();
    let front = Terminator::start(&authority.sign("DNS:localhost"), address(&server));
    let copy = TempDir::new();
    let (directory, trusted) = (copy.path().display().to_string(), authority.file());
    let arguments = ["mirror", "--ca-file", &trusted, &front.url("/"), &directory];
    let mirror = Running::start(&arguments);
    let same = || contents(root.path()) == contents(copy.path());
    eventually("the first copies", same);
    for round in 0..3 {
        root.append("a", format!("last {round}\n"));
        rotate(&root, "a");
        root.write("a", format!("first {round}\n"));
        front.cut();
        root.write(&format!("new-{round}"), "new\n");
        eventually("the same files", same);
    }
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn who_cannot_prove_its_name_is_refused_in_one_line() {
    let root = TempDir::with("log", "secret\n");
    let server = Server::start(&root);
    let (authority, other) = (Authority::new(), Authority::named("/CN=Other"));
    let refused = |identity: &Identity, trusted: &Authority, why: &str| {
        let front = Terminator::start(identity, address(&server));
        let (trusted, log) = (trusted.file(), front.url("/log"));
        let follow = Running::start(&["follow", "--ca-file", &trusted, &log]);
        follow.says(why);
        let err = follow.err();
        assert_eq!(err.lines().count(), 1, "{err}");
        assert_eq!(follow.stop().1, "");
    };
    let valid = authority.sign("DNS:localhost");
    refused(
        &valid,
        &other,
        "is not signed by an authority that this machine trusts",
    );
    let foreign = authority.sign("DNS:other.example,IP:127.0.0.1");
    refused(&foreign, &authority, "is not for localhost, but for");
    let expired = authority.sign_expired("DNS:localhost");
    refused(&expired, &authority, "has expired");
    refused(&authority.identity(), &authority, "is that of an authority");

    // A server that speaks something else.
    let plain = server.url("/log").replace("http://", "https://");
    let follow = Running::start(&["follow", "--ca-file", &authority.file(), &plain]);
    follow.says("the server does not speak TLS");
    assert_eq!(follow.stop().1, "");
}

#[test]
fn the_system_says_whom_to_trust_or_a_file() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let authority = Authority::new();
    let front = Terminator::start(&authority.sign("DNS:localhost"), address(&server));
    let log = front.url("/log");
    let follow = |environment: (&str, &str), options: &[&str]| -> (Option<i32>, String, String) {
        let arguments = [&["follow", "--until-caught-up", &log], options].concat();
        let output: Output = openrange(&arguments)
            .env_remove("SSL_CERT_DIR")
            .env_remove("SSL_CERT_FILE")
            .env(environment.0, environment.1)
            .output()
            .expect("the binary");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let trusted = authority.file();
    let (code, out, err) = follow(("SSL_CERT_FILE", &trusted), &[]);
    assert_eq!((code, out.as_str()), (Some(0), "line\n"), "{err}");
    // Several authorities in one file, with remarks between them.
    let files = TempDir::new();
    let several = [&Authority::new(), &authority].map(|one| terminator::text(&one.file()));
    files.write("several", several.join("# a remark\n"));
    let several = files.join("several").display().to_string();
    let (code, out, err) = follow(("UNUSED", ""), &["--ca-file", &several]);
    assert_eq!((code, out.as_str()), (Some(0), "line\n"), "{err}");
    files.write("empty", "");
    let empty = files.join("empty").display().to_string();
    let none = files.join("none").display().to_string();
    for (environment, options, why) in [
        (("UNUSED", ""), vec!["--ca-file", &empty], "no certificate"),
        (("UNUSED", ""), vec!["--ca-file", &none], "No such file"),
        (("SSL_CERT_FILE", &*none), vec![], "--ca-file FILE"),
    ] {
        let (code, out, err) = follow(environment, &options);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(why) && err.lines().count() == 1, "{err}");
    }
    let (code, _, err) = run(&["follow", "--ca-file", &trusted, &server.url("/log")]);
    assert_eq!(code, Some(2));
    assert!(err.contains("--ca-file is for https:// URLs"), "{err}");
    assert!(fs::exists(&trusted).expect("a directory"));
}

/// A server that accepts a connection and says nothing: whoever gives the handshake up closes it, and makes another one.
#[test]
fn a_handshake_that_is_given_up_is_closed() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let url = Url::parse(&format!("https://{address}/log")).expect("a URL");
    let authority = Authority::new();
    let authorities = authority.file();
    let files = Files {
        authorities: Some(Path::new(&authorities)),
        ..Files::default()
    };
    let trust = Trust::load(files).expect("certificates");
    let poll = Poll::new().expect("epoll");
    let mut exchange = Exchange::default();
    let waker = poll.waker();
    let mut transport = Transport::new(&url.server, Some(&trust), Token::Slot(0), waker);
    for _ in 0..2 {
        exchange.request(b"GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec());
        transport.drive(&mut exchange, &poll, usize::MAX);
        let mut peer = silent.accept().expect("a connection").0;
        transport.drive(&mut exchange, &poll, usize::MAX);
        exchange.abandon();
        transport.drive(&mut exchange, &poll, usize::MAX);
        let patience = Some(Duration::from_secs(10));
        peer.set_read_timeout(patience).expect("a time");
        let mut hello = Vec::new();
        match peer.read_to_end(&mut hello) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "still open"),
        }
    }
}

/// Each version says in its own way that a certificate is missing.
#[test]
fn a_server_that_wants_a_certificate_of_its_clients() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let [authority, clients, other] =
        ["Server", "Clients", "Other"].map(|name| Authority::named(&format!("/CN={name}")));
    let identity = authority.sign("DNS:localhost");
    let client = clients.sign("DNS:device-7");
    let [certificate, key] = client.files();
    let both = TempDir::new();
    let texts = [&certificate, &key].map(|file| terminator::text(file));
    both.write("both", texts.concat());
    let both = both.join("both").display().to_string();
    let trusted = authority.file();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let address = address(&server);
        let front = Terminator::demanding(&identity, address, &[version], &clients);
        let log = front.url("/log");
        let common = ["follow", "--until-caught-up", "--ca-file", &trusted];
        for options in [
            &["--cert-file", &certificate, "--key-file", &key][..],
            &["--cert-file", &both],
        ] {
            let (code, out, err) = run(&[&common[..], options, &[&log]].concat());
            assert_eq!((code, out.as_str()), (Some(0), "line\n"), "{err}");
        }
        let copy = TempDir::new();
        let (directory, origin) = (copy.path().display().to_string(), front.url("/"));
        let mirror = [
            "mirror",
            "--until-caught-up",
            "--ca-file",
            &trusted,
            "--cert-file",
            &both,
        ];
        let (code, _, err) = run(&[&mirror[..], &[&origin, &directory]].concat());
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(contents(copy.path()), contents(root.path()));

        let without = Running::start(&[&common[..], &[&log]].concat());
        without.says("the server requires a client certificate; --cert-file FILE names it");
        let [certificate, key] = other.sign("DNS:device-7").files();
        let wrong = ["--cert-file", &certificate, "--key-file", &key, &log];
        let wrong = Running::start(&[&common[..], &wrong].concat());
        wrong.says("the server does not accept the client certificate");
        assert_eq!(
            (without.stop().1, wrong.stop().1),
            (String::new(), String::new())
        );
    }
}

#[test]
fn a_certificate_of_this_client_that_cannot_be_used_is_one_line() {
    let (authority, another) = (Authority::new(), Authority::new());
    let [certificate, key] = authority.sign("DNS:one").files();
    let [_, other] = another.sign("DNS:other").files();
    let trusted = authority.file();
    for (options, why) in [
        (
            vec!["--cert-file", &*certificate],
            "there is no private key in it",
        ),
        (vec!["--cert-file", &key], "there is no certificate in it"),
        (
            vec!["--key-file", &key],
            "--key-file is for the certificate of --cert-file",
        ),
        (
            vec!["--cert-file", &certificate, "--key-file", &other],
            "the key is not that of the certificate",
        ),
        (
            vec!["--cert-file", "/none", "--key-file", &key],
            "--cert-file: /none: ",
        ),
    ] {
        let common = ["follow", "--ca-file", &trusted, "https://localhost:1/log"];
        let (code, out, err) = run(&[&common[..3], &options, &common[3..]].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            err.contains(why) && err.lines().count() == 1,
            "{why}: {err}"
        );
    }
    let (code, _, err) = run(&[
        "follow",
        "--cert-file",
        &certificate,
        "http://localhost:1/log",
    ]);
    assert_eq!(code, Some(2));
    assert!(err.contains("--cert-file is for https:// URLs"), "{err}");
}
