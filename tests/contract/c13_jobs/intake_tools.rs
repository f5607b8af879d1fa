//! `--intake` with the programs that people use: whole lines arrive, none mixed, and over connections none is lost.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use super::intake::{Served, text, wait_for};
use crate::support::harness::{Running, TempDir, eventually};
use crate::support::machine::{in_namespace, skip, succeeds};

/// Starts a program that reads what it sends from its stdin. `None`: it is not there.
fn sender(program: &str, arguments: &[&str], content: &str) -> Option<Child> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        skip(&format!("no {program}"));
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(content.as_bytes()).expect("a pipe");
    Some(child)
}

/// Bytes of each line of [`lines`].
const LINE: usize = 64;

/// Numbered lines of the same length.
fn lines(sender: usize, count: usize) -> String {
    let line = |number| {
        let begin = format!("{sender} {number} ");
        begin.clone() + &"x".repeat(LINE - 1 - begin.len()) + "\n"
    };
    (0..count).map(line).collect()
}

/// Whether a text has all lines of so many senders, those of each in their order.
fn has_all(text: &str, senders: usize, count: usize) -> bool {
    let of = |sender: usize| {
        let begin = format!("{sender} ");
        let mut ours = String::new();
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.starts_with(&begin))
        {
            ours += line;
        }
        ours
    };
    text.len() == senders * count * LINE
        && (0..senders).all(|sender| of(sender) == lines(sender, count))
}

#[test]
fn socat_and_netcat_send_lines_over_connections_at_the_same_time() {
    const LINES: usize = 2000;
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let served = Served::with(
        &dir,
        &["tcp:127.0.0.1:0=/log", &format!("unix:{path}=/log")],
        &[],
    );
    let (host, port) = served.places[0].rsplit_once(':').expect("a port");
    let (tcp, unix) = (format!("TCP:{host}:{port}"), format!("UNIX-CONNECT:{path}"));
    let programs: [(&str, &[&str]); 4] = [
        ("socat", &["-u", "-", &tcp]),
        ("nc", &["-N", host, port]),
        // Pieces that end anywhere within lines.
        ("socat", &["-u", "-b", "100", "-", &unix]),
        ("nc", &["-N", "-U", &path]),
    ];
    let mut children = Vec::new();
    for (program, arguments) in programs {
        let content = lines(children.len(), LINES);
        children.extend(sender(program, arguments, &content));
    }
    let senders = children.len();
    for mut child in children {
        assert!(child.wait().expect("a child").success());
    }
    eventually("all lines", || has_all(&text(&dir, "log"), senders, LINES));
    assert_eq!(served.count("lines_total"), (senders * LINES) as u64);
}

#[test]
fn socat_sends_datagrams_at_the_same_time() {
    // No more than the kernel keeps by default, should the server not come to read for a while.
    const DATAGRAMS: usize = 60;
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let intakes = ["udp:127.0.0.1:0=/log", &format!("unix-dgram:{path}=/log")];
    let served = Served::with(&dir, &intakes, &[]);
    let (udp, unix) = (
        format!("UDP:{}", served.places[0]),
        format!("UNIX-SENDTO:{path}"),
    );
    let length = LINE.to_string();
    let mut children = Vec::new();
    for to in [&udp, &unix] {
        // One datagram for each line.
        let arguments = ["-u", "-b", &length, "-", to];
        children.extend(sender(
            "socat",
            &arguments,
            &lines(children.len(), DATAGRAMS),
        ));
    }
    let senders = children.len();
    for mut child in children {
        assert!(child.wait().expect("a child").success());
    }
    eventually("all datagrams", || {
        has_all(&text(&dir, "log"), senders, DATAGRAMS)
    });
    assert_eq!(
        served.count("datagrams_total"),
        (senders * DATAGRAMS) as u64
    );
}

#[test]
fn the_last_line_of_netcat_and_socat_needs_no_end() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let _served = Served::with(&dir, &[&format!("unix:{path}=/log")], &[]);
    let to = format!("UNIX-CONNECT:{path}");
    let programs: [(&str, &[&str]); 2] = [("nc", &["-N", "-U", &path]), ("socat", &["-", &to])];
    let mut expected = String::new();
    for (program, arguments) in programs {
        if let Some(mut child) = sender(program, arguments, program) {
            assert!(child.wait().expect("a child").success());
            expected += &format!("{program}\n");
            wait_for(&dir, "log", &expected);
        }
    }
}

#[test]
fn busybox_syslogd_forwards_to_it() {
    if !succeeds("busybox", &["true"]) {
        return skip("no busybox");
    }
    in_namespace(module_path!(), "busybox_syslogd_forwards_to_it", || {
        let (dir, dev) = (TempDir::new(), TempDir::new());
        let served = Served::with(&dir, &["udp:127.0.0.1:0=/log"], &[]);
        // It receives at /dev/log and nowhere else.
        dev.write("null", "");
        let place = dev.path().display().to_string();
        assert!(succeeds("mount", &["--bind", &place, "/dev"]));
        let mut command = Command::new("busybox");
        command.args(["syslogd", "-n", "-R", &served.places[0]]);
        let _daemon = Running::new(command);
        eventually("its socket", || dev.join("log").exists());
        for number in 0..50 {
            let word = format!("number-{number}");
            let arguments = ["logger", "-t", "tag", &word];
            assert!(succeeds("busybox", &arguments), "{arguments:?}");
        }
        eventually("all lines", || {
            let said = text(&dir, "log");
            let ours = said.lines().filter(|line| line.contains("tag"));
            let numbers = ours.enumerate();
            let whole = |(number, line): (usize, &str)| {
                line.starts_with('<') && line.ends_with(&format!("tag: number-{number}"))
            };
            said.ends_with('\n') && numbers.filter(|one| whole(*one)).count() == 50
        });
    });
}

#[test]
fn logger_sends_datagrams_and_lines() {
    if !succeeds("logger", &["--version"]) {
        return skip("no logger");
    }
    let dir = TempDir::new();
    let intakes = ["udp:127.0.0.1:0=/udp", "tcp:127.0.0.1:0=/tcp"];
    let served = Served::with(&dir, &intakes, &[]);
    for (index, (way, name)) in [("-d", "udp"), ("-T", "tcp")].into_iter().enumerate() {
        let port = served.places[index].rsplit_once(':').expect("a port").1;
        for word in ["one", "two"] {
            let arguments = [way, "-n", "127.0.0.1", "-P", port, "-t", "tag", word];
            assert!(succeeds("logger", &arguments), "{arguments:?}");
        }
        eventually("both lines", || {
            let said = text(&dir, name);
            let words = ["one", "two"].iter().zip(said.lines());
            said.ends_with('\n')
                && said.lines().count() == 2
                && words.into_iter().all(|(word, line)| line.ends_with(word))
        });
    }
}

#[test]
fn rsyslog_forwards_to_it() {
    if !succeeds("rsyslogd", &["-v"]) {
        return skip("no rsyslogd");
    }
    let (dir, own) = (TempDir::new(), TempDir::new());
    let intakes = ["udp:127.0.0.1:0=/udp", "tcp:127.0.0.1:0=/tcp"];
    let served = Served::with(&dir, &intakes, &[]);
    let port = |index: usize| served.places[index].rsplit_once(':').expect("a port").1;
    let socket = own.join("log").display().to_string();
    let work = own.path().display();
    own.write(
        "conf",
        format!(
            "global(workDirectory=\"{work}\")\n\
             module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{socket}\" RateLimit.Interval=\"0\")\n\
             action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"udp\")\n\
             action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\")\n",
            port(0),
            port(1),
        ),
    );
    let mut command = Command::new("rsyslogd");
    let (conf, pid) = (own.join("conf"), own.join("pid"));
    command.arg("-n").arg("-f").arg(conf).arg("-i").arg(pid);
    let _daemon = Running::new(command);
    eventually("its socket", || own.join("log").exists());
    for number in 0..100 {
        let word = format!("number-{number}");
        let arguments = ["-u", &socket, "-t", "tag", &word];
        assert!(succeeds("logger", &arguments), "{arguments:?}");
    }
    for name in ["udp", "tcp"] {
        let whole = |said: &str| {
            let ours = said.lines().filter(|line| line.contains("tag"));
            let ours: Vec<&str> = ours.collect();
            let numbered = ours.iter().enumerate();
            let mut numbered =
                numbered.map(|(number, line)| line.ends_with(&format!("number-{number}")));
            ours.len() == 100 && numbered.all(|is| is)
        };
        eventually(&format!("all lines in {name}"), || whole(&text(&dir, name)));
    }
}
