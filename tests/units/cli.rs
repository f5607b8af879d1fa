//! `cli`: every option, what it takes, and the message for a wrong one.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use openrange::cli::{Command, parse, usage};
use openrange::http::cors::Cors;
use openrange::http::host::Hosts;
use openrange::http::prefix::Prefixes;
use openrange::jobs::tracker::JobTerms;
use openrange::log::line::Format;
use openrange::os::network::Network;
use openrange::os::sockets::Address;
use openrange::server::options::{DEFAULT_ADDRESS, Options};

fn parsed(arguments: &[&str]) -> Result<Command, String> {
    parse(arguments.iter().map(OsString::from))
}

fn options(arguments: &[&str]) -> Options {
    match parsed(arguments) {
        Ok(Command::Serve(options)) => *options,
        other => panic!("{other:?} for {arguments:?}"),
    }
}

fn defaults() -> Options {
    Options::default()
}

#[test]
fn defaults_are_those_of_the_usage() {
    let expected = Options {
        root: ".".into(),
        likely_meant: None,
        listen: vec![],
        proxied: vec![],
        trusted_proxies: vec![],
        threads: None,
        header_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(60),
        send_timeout: Duration::from_secs(300),
        min_rate: 1200,
        max_connections: None,
        max_connections_per_address: None,
        poll_interval: Duration::from_secs(1),
        wait_max: Duration::from_secs(300),
        settle: Duration::from_secs(2),
        peers: vec![],
        peer_listen: None,
        peer_key: None,
        copied_tags: false,
        grace: Duration::from_secs(10),
        admin: None,
        log_level: None,
        log_format: Format::Text,
        access_log: None,
        access_log_combined: false,
        old_dir: None,
        history: None,
        token_file: None,
        cors: None,
        hosts: None,
        write: Prefixes::default(),
        append_max: 1 << 20,
        body_memory: 64 << 20,
        jobs: None,
        job_terms: JobTerms {
            timeout: Duration::from_secs(3600),
            keep: Duration::from_secs(604_800),
            most: 10_000,
        },
        intakes: Vec::new(),
        intake_open: false,
        follow_links: false,
        user: None,
        sandbox: true,
    };
    assert_eq!(options(&[]), expected);
    assert_eq!(
        DEFAULT_ADDRESS,
        Address::Tcp("127.0.0.1:8080".parse().unwrap())
    );
    for default in [
        ": .)",
        " 127.0.0.1:8080)",
        ": 1048576)",
        "(default: 67108864)",
        ": 3600)",
        ": 10000)",
        ": 30)",
        ": 60)",
        ": 300)",
        ": 10)",
        ": 1000)",
    ] {
        assert!(usage().contains(default), "{default}");
    }
}

#[test]
fn each_option_sets_its_own() {
    type Change = fn(&mut Options);
    let seconds = Duration::from_secs_f64;
    assert_eq!(seconds(0.25), Duration::from_millis(250));
    let table: &[(&[&str], Change)] = &[
        (&["/srv"], |options| options.root = "/srv".into()),
        (&["--", "--listen"], |options| {
            options.root = "--listen".into()
        }),
        (&["-"], |options| options.root = "-".into()),
        (&["--threads", "1"], |options| options.threads = Some(1)),
        (&["--threads=1024"], |options| options.threads = Some(1024)),
        (&["--threads", "2", "--threads", "3"], |options| {
            options.threads = Some(3)
        }),
        (&["--header-timeout", "5"], |options| {
            options.header_timeout = Duration::from_secs(5)
        }),
        (&["--idle-timeout", "0.25"], |options| {
            options.idle_timeout = Duration::from_millis(250)
        }),
        (&["--send-timeout=7"], |options| {
            options.send_timeout = Duration::from_secs(7)
        }),
        (&["--send-timeout", "0"], |options| {
            options.send_timeout = Duration::ZERO
        }),
        (&["--send-timeout", ".5"], |options| {
            options.send_timeout = Duration::from_millis(500)
        }),
        (&["--send-timeout", "12."], |options| {
            options.send_timeout = Duration::from_secs(12)
        }),
        (&["--send-timeout", "1.0000000019"], |options| {
            options.send_timeout = Duration::from_nanos(1_000_000_001)
        }),
        (&["--follow-links", "inside"], |options| {
            options.follow_links = true
        }),
        (&["--min-rate", "0"], |options| options.min_rate = 0),
        (&["--min-rate", "5000"], |options| options.min_rate = 5000),
        (&["--grace", "0"], |options| options.grace = Duration::ZERO),
        (&["--grace", "320000000"], |options| {
            options.grace = Duration::from_secs(320_000_000)
        }),
        (&["--max-connections", "1"], |options| {
            options.max_connections = Some(1)
        }),
        (&["--max-connections", "18446744073709551615"], |options| {
            options.max_connections = Some(usize::MAX);
        }),
        (&["--max-connections-per-address", "3"], |options| {
            options.max_connections_per_address = Some(3)
        }),
        (&["--poll-interval", "50"], |options| {
            options.poll_interval = Duration::from_millis(50)
        }),
        (&["--wait-max", "0"], |options| {
            options.wait_max = Duration::ZERO
        }),
        (&["--settle", "0"], |options| {
            options.settle = Duration::ZERO
        }),
        (&["--user", "1:2"], |options| {
            options.user = Some("1:2".into())
        }),
        (&["--admin", "9000"], |options| {
            options.admin = Some(Address::on_all_interfaces(9000));
        }),
        (&["--admin", ":9000"], |options| {
            options.admin = Some(Address::on_all_interfaces(9000));
        }),
        (&["--admin", "unix:a,mode=0600"], |options| {
            options.admin = Some(unix("a", Some(0o600)))
        }),
        (&["--old-dir", "old"], |options| {
            options.old_dir = Some(b"old".as_slice().into())
        }),
        (&["--history", "/var/lib/history"], |options| {
            options.history = Some("/var/lib/history".into())
        }),
        (&["--access-log-format", "combined"], |options| {
            options.access_log_combined = true
        }),
        (&["--trusted-proxy", "10.0.0.0/8"], |options| {
            options.trusted_proxies = vec![Network::Ip("10.0.0.0".parse().unwrap(), 8)]
        }),
        (
            &["--trusted-proxy=unix", "--trusted-proxy=::1"],
            |options| {
                options.trusted_proxies =
                    vec![Network::Unix, Network::Ip("::1".parse().unwrap(), 128)]
            },
        ),
        (
            &[
                "--listen",
                "127.0.0.1:1",
                "--listen",
                "unix:s,mode=0600,proxy",
            ],
            |options| {
                let tcp = Address::Tcp("127.0.0.1:1".parse().unwrap());
                options.listen = vec![tcp, unix("s", Some(0o600))];
                options.proxied = vec![1];
            },
        ),
        (&["--log-level", "WARNING"], |options| {
            options.log_level = Some(log::LevelFilter::Warn)
        }),
        (&["--log-format", "json"], |options| {
            options.log_format = Format::Json
        }),
        (&["--access-log", "-"], |options| {
            options.access_log = Some("-".into())
        }),
        (&["--token-file", "t"], |options| {
            options.token_file = Some("t".into())
        }),
        (&["--host", "Logs.Example.org."], |options| {
            options.hosts = Some(Hosts::parse("logs.example.org").unwrap())
        }),
        (&["--host", "a", "--host", "b"], |options| {
            options.hosts = Hosts::parse("a")
                .ok()
                .map(|a| a.and(Hosts::parse("b").unwrap()))
        }),
        (&["--host", "a", "--host", "*"], |options| {
            options.hosts = Hosts::parse("a").ok().map(|a| a.and(Hosts::any()))
        }),
        (&["--cors", "https://a.example:8443"], |options| {
            options.cors = Some(Cors::parse("https://a.example:8443").unwrap())
        }),
        (&["--no-sandbox"], |options| options.sandbox = false),
        (&["a b", "--threads", "4"], |options| {
            options.root = "a b".into();
            options.threads = Some(4);
        }),
    ];
    for (arguments, change) in table {
        let mut expected = defaults();
        change(&mut expected);
        assert_eq!(options(arguments), expected, "{arguments:?}");
    }
}

fn unix(path: &str, mode: Option<u32>) -> Address {
    let path = path.into();
    Address::Unix { path, mode }
}

#[test]
fn addresses() {
    // As announced once they are bound.
    let table = [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("0.0.0.0:0", "http://0.0.0.0:0/"),
        ("[::1]:80", "http://[::1]:80/"),
        ("[::]:65535", "http://[::]:65535/"),
        ("localhost:81", "http://127.0.0.1:81/"),
        ("8080", "http://[::]:8080/"),
        (":8080", "http://[::]:8080/"),
        ("0", "http://[::]:0/"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
        ("unix:x", "unix:x"),
    ];
    for (text, announced) in table {
        let options = options(&["--listen", text]);
        let [address] = options.listen.as_slice() else {
            panic!("{text} is {:?}", options.listen);
        };
        assert_eq!(address.to_string(), announced);
    }
    let several = options(&["--listen", "[::1]:1", "--listen=unix:s"]);
    assert_eq!(
        several.listen,
        [Address::Tcp("[::1]:1".parse().unwrap()), unix("s", None),]
    );
    let modes = [
        ("unix:s,mode=0660", unix("s", Some(0o660))),
        ("unix:s,mode=777", unix("s", Some(0o777))),
        ("unix:a,b,mode=0", unix("a,b", Some(0))),
        ("unix:a,mode=600,mode=0660", unix("a,mode=600", Some(0o660))),
        ("unix:a,mod=0660", unix("a,mod=0660", None)),
    ];
    for (text, address) in modes {
        assert_eq!(options(&["--listen", text]).listen, [address], "{text}");
    }
}

#[test]
fn help_and_version() {
    let version = concat!("openrange ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    for (arguments, expected) in [
        (&["--help"][..], usage()),
        (&["-h"], usage()),
        (&["/srv", "--threads", "2", "--help", "--nonsense"], usage()),
        (&["--version"], version.clone()),
        (&["-V"], version),
    ] {
        let expected = Ok(Command::Print(expected));
        assert_eq!(parsed(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn the_usage_names_every_option_and_fits_a_terminal() {
    let long = [
        "listen",
        "threads",
        "header-timeout",
        "idle-timeout",
        "send-timeout",
        "min-rate",
        "max-connections",
        "max-connections-per-address",
        "poll-interval",
        "wait-max",
        "settle",
        "peer",
        "peer-listen",
        "peer-key",
        "grace",
        "admin",
        "access-log",
        "token-file",
        "cors",
        "follow-links",
        "user",
        "no-sandbox",
        "help",
        "version",
    ];
    for name in long {
        let option = format!("--{name}");
        assert!(usage().contains(&option), "{option}");
        // And each one is known: at most its value is missing.
        assert!(parsed(&["--x"]).is_err_and(|why| why.contains("invalid option")));
        let known = parsed(&[&option]);
        assert!(
            !known.is_err_and(|why| why.contains("invalid option")),
            "{option}"
        );
    }
    let usage = usage();
    assert!(usage.lines().all(|line| line.len() <= 80));
    assert!(usage.is_ascii() && usage.ends_with('\n'));
}

/// What was typed; the name that the message suggests.
#[test]
fn the_nearest_name_is_suggested() {
    let table: &[(&[&str], Option<&str>)] = &[
        (
            &["--lisen", "8080"],
            Some("did you mean --listen? openrange --help"),
        ),
        (&["--lisetn=8080"], Some("--listen?")),
        (&["--Listen", "x"], Some("--listen?")),
        (&["--list"], Some("--listen?")),
        (&["--max-conections", "1"], Some("--max-connections?")),
        (
            &["--max-connections-per", "1"],
            Some("--max-connections-per-address?"),
        ),
        (&["--treads"], Some("--threads?")),
        (&["--hlep"], Some("--help?")),
        (
            &["follow", "--stat", "x"],
            Some("did you mean --state? openrange follow --help"),
        ),
        (&["hooks", "--alow", "x"], Some("--allow?")),
        // What another program calls it comes first.
        (&["--port", "80"], Some("use --listen PORT")),
        (
            &["folow", "http://h/x"],
            Some("did you mean openrange follow?"),
        ),
        (
            &["folow", "--state", "x"],
            Some("did you mean openrange follow?"),
        ),
        (&["miror", "http://h/", "copy"], Some("openrange mirror?")),
        (&["Work", "dir", "--", "cat"], Some("openrange work?")),
        (&["--x"], None),
        (&["--xyzzy"], None),
        (&["-l"], None),
        (&["--"], None),
        (&["logs", "more"], None),
        (&["/srv/follow", "more"], None),
        (&["serve", "logs"], Some("did you mean openrange DIR?")),
        (&["http://h/x", "copy"], Some("openrange follow URL?")),
    ];
    for (arguments, expected) in table {
        let why = parsed(arguments).err().unwrap_or_default();
        match expected {
            Some(expected) => assert!(why.contains(expected), "{arguments:?}: {why}"),
            None => assert!(!why.contains("did you mean"), "{arguments:?}: {why}"),
        }
    }
    let long = format!("--listen{}", "x".repeat(100_000));
    let why = parsed(&[&long]).unwrap_err();
    assert!(!why.contains("did you mean"));
}

#[test]
fn wrong_arguments_are_named() {
    // Arguments; what the message says of them: the argument, and what would be right.
    const HELP: &str = "openrange --help";
    const SECONDS: &str = "a number of seconds from 0 to 320000000";
    let table: &[(&[&str], &[&str])] = &[
        (&["--port", "80"], &["--port", "use --listen PORT", HELP]),
        (&["-p", "80"], &["-p", "use --listen PORT", HELP]),
        (&["-p80"], &["-p", "use --listen PORT", HELP]),
        (&["follow", "-p"], &["-p", "openrange follow --help"]),
        (&["--verbose"], &["--log-level debug"]),
        (&["--log-level", "loud"], &["--log-level loud", "warn"]),
        (&["--trusted-proxy", "10.0.0.0/33"], &["network like"]),
        (&["--trusted-proxy", "proxy.example"], &["network like"]),
        (&["--access-log-format", "json"], &["common or combined"]),
        (
            &["--listen", "x,proxy"],
            &["--listen x,proxy", "expected IP:PORT"],
        ),
        (&["--log-format", "xml"], &["--log-format xml", "json"]),
        (&["--Listen", "x"], &["--Listen", HELP]),
        (&["--list", "x"], &["--list", HELP]),
        (&["-x"], &["-x", HELP]),
        (&["-l"], &["-l", HELP]),
        (&["a", "b"], &["only one ROOT", "a and b"]),
        (
            &["folow", "http://h/x"],
            &["there are folow and", "follow, mirror, work and hooks"],
        ),
        (&["a", "--", "--b"], &["only one ROOT", "--b"]),
        (&["--listen"], &["--listen", HELP]),
        (&["--listen", ""], &["--listen", "expected IP:PORT"]),
        (&["--listen", "80800"], &["--listen 80800", "PORT"]),
        (&["--listen", ":"], &["--listen :", "expected IP:PORT"]),
        (
            &["--listen", "1.2.3:80"],
            &["--listen 1.2.3:80", "expected IP:PORT"],
        ),
        (
            &["--listen", "example.com:80"],
            &["--listen example.com:80", "expected IP:PORT"],
        ),
        (
            &["--listen", "127.0.0.1"],
            &["--listen 127.0.0.1", "expected IP:PORT"],
        ),
        (
            &["--listen", "127.0.0.1:65536"],
            &["--listen 127.0.0.1:65536", "0 to 65535"],
        ),
        (&["--listen", "::1:80"], &["--listen ::1:80", "[IPV6]:PORT"]),
        (
            &["--listen", "localhost:x"],
            &["--listen localhost:x", "0 to 65535"],
        ),
        (
            &["--listen", "localhost:65536"],
            &["--listen localhost:65536", "0 to 65535"],
        ),
        (&["--listen", "99999"], &["--listen 99999", "0 to 65535"]),
        (&["--listen", ":99999"], &["--listen :99999", "0 to 65535"]),
        (
            &["--listen", "[::1]:65536"],
            &["--listen [::1]:65536", "0 to 65535"],
        ),
        (&["--admin", "99999"], &["--admin 99999", "0 to 65535"]),
        (
            &["--listen", "::1:65536"],
            &["--listen ::1:65536", "expected IP:PORT"],
        ),
        (
            &["--listen", "unix:"],
            &["--listen unix:", "a path must follow"],
        ),
        (
            &["--listen", "unix:,mode=0660"],
            &["--listen unix:,mode=0660", "a path must follow"],
        ),
        (
            &["--listen", "unix:s,mode=0999"],
            &["unix:s,mode=0999", "octal"],
        ),
        (&["--listen", "unix:s,mode=1777"], &["octal"]),
        (&["--listen", "unix:s,mode=+66"], &["octal"]),
        (&["--listen", "unix:s,mode="], &["octal"]),
        (
            &["--listen", "1.2.3.4:5", "--listen", "y"],
            &["--listen y", "expected IP:PORT"],
        ),
        (&["--admin", "nine"], &["--admin nine", "expected IP:PORT"]),
        (
            &["--peer-listen", "unix:s"],
            &["--peer-listen unix:s", "expected IP:PORT"],
        ),
        (&["--threads"], &["--threads", HELP]),
        (&["--threads", "0"], &["--threads 0", "from 1 to 1024"]),
        (
            &["--threads", "1025"],
            &["--threads 1025", "from 1 to 1024"],
        ),
        (&["--threads", "-1"], &["--threads -1", "from 1 to 1024"]),
        (&["--threads", "1.5"], &["--threads 1.5", "from 1 to 1024"]),
        (&["--threads", ""], &["--threads", "from 1 to 1024"]),
        (&["--threads=two"], &["--threads two", "from 1 to 1024"]),
        (
            &["--threads", "99999999999999999999"],
            &["--threads 99999999999999999999", "from 1 to 1024"],
        ),
        (
            &["--max-connections", "0"],
            &["--max-connections 0", "at least 1"],
        ),
        (
            &["--max-connections", "many"],
            &["--max-connections many", "at least 1"],
        ),
        (
            &["--max-connections", "18446744073709551616"],
            &["--max-connections 18446744073709551616", "at least 1"],
        ),
        (
            &["--header-timeout", "0"],
            &["--header-timeout 0", "more than 0"],
        ),
        (
            &["--header-timeout", "0.0000000001"],
            &["--header-timeout", "more than 0"],
        ),
        (
            &["--idle-timeout", "0.0"],
            &["--idle-timeout 0", "more than 0"],
        ),
        (
            &["--idle-timeout", "0"],
            &["--idle-timeout 0", "more than 0, up to 320000000"],
        ),
        (
            &["--idle-timeout", "-1"],
            &["--idle-timeout -1", "more than 0, up to 320000000"],
        ),
        (
            &["--header-timeout", "10s"],
            &["--header-timeout 10s", "more than 0, up to 320000000"],
        ),
        (&["--send-timeout", "nan"], &["--send-timeout nan", SECONDS]),
        (&["--send-timeout", "1e3"], &["--send-timeout 1e3", SECONDS]),
        (&["--send-timeout", "."], &["--send-timeout .", SECONDS]),
        (
            &["--send-timeout", "1.2.3"],
            &["--send-timeout 1.2.3", SECONDS],
        ),
        (&["--send-timeout", "+1"], &["--send-timeout +1", SECONDS]),
        (&["--send-timeout", ""], &["--send-timeout :", SECONDS]),
        (
            &["--send-timeout", "320000001"],
            &["--send-timeout 320000001", SECONDS],
        ),
        (&["--send-timeout", "99999999999999999999"], &[SECONDS]),
        (&["--send-timeout", "inf"], &["--send-timeout inf", SECONDS]),
        (
            &["--send-timeout", "-0.5"],
            &["--send-timeout -0.5", SECONDS],
        ),
        (&["--grace", ""], &["--grace", SECONDS]),
        (&["--grace", "1e300"], &["--grace 1e300", SECONDS]),
        (&["--grace", "320000001"], &["--grace 320000001", SECONDS]),
        (&["--grace"], &["--grace", HELP]),
    ];
    for (arguments, parts) in table {
        let why = parsed(arguments).expect_err(&format!("{arguments:?}"));
        for part in *parts {
            assert!(
                why.contains(part),
                "{part:?} is not in {why:?} for {arguments:?}"
            );
        }
        assert!(!why.contains('\n'), "one line: {why:?}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    // A path may be any bytes.
    match parse([bytes(b"a\xff")]) {
        Ok(Command::Serve(options)) => assert_eq!(options.root.as_os_str(), bytes(b"a\xff")),
        other => panic!("{other:?}"),
    }
    for arguments in [
        vec![bytes(b"--threads"), bytes(b"\xff7")],
        vec![bytes(b"--\xff7")],
    ] {
        let why = parse(arguments).unwrap_err();
        assert!(
            why.contains('7') && why.contains("openrange --help"),
            "{why}"
        );
    }
}
