//! The guide's examples, taken from where they stand, pasted into bash and watched. Only the URL and the directory are
//! put in. Where a program that an example uses is missing, its test says so and passes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::machine::{free_port, skip, succeeds};
use crate::support::waiting::eventually;
use rustix::process::{Pid, Signal};

/// The blocks of a section, without their fences.
fn blocks(heading: &str) -> Vec<String> {
    let chapters = [
        include_str!("../../src/guide/events.md"),
        include_str!("../../src/guide/following.md"),
        include_str!("../../src/guide/writing.md"),
        include_str!("../../src/guide/jobs.md"),
    ];
    let section = chapters
        .iter()
        .find_map(|chapter| Some(chapter.split_once(&format!("# {heading}\n"))?.1))
        .unwrap_or_else(|| panic!("the guide has no section {heading:?}"));
    let section = section.split("\n#").next().expect("a first part");
    let fenced = section.split("```").skip(1).step_by(2);
    let blocks: Vec<String> = fenced
        .map(|block| block.split_once('\n').expect("a line end").1.to_string())
        .collect();
    assert!(!blocks.is_empty(), "{heading:?} has no example");
    blocks
}

/// The served directory and another to work in.
struct World {
    logs: TempDir,
    here: TempDir,
    server: Option<Server>,
}

impl World {
    /// `None` where one of these programs is missing.
    fn new(programs: &[&str]) -> Option<World> {
        for program in [&["bash", "curl"], programs].concat() {
            if !succeeds("sh", &["-c", &format!("command -v {program}")]) {
                skip(&format!("no {program} here"));
                return None;
            }
        }
        let logs = TempDir::new();
        let server = Some(Server::with(logs.path(), &[]));
        let here = TempDir::new();
        Some(World { logs, here, server })
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// The same example for this server and this directory.
    fn placed(&self, example: &str) -> String {
        example
            .replace("127.0.0.1:8080", &self.server().address.to_string())
            .replace("/srv/logs", &self.logs.path().display().to_string())
    }

    fn command(&self, script: &str, stdout: impl Into<Stdio>) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", &self.placed(script)])
            .current_dir(self.here.path())
            .env("no_proxy", "*")
            .stdin(Stdio::null())
            .stdout(stdout);
        command
    }

    /// Runs an example to its end.
    fn run(&self, script: &str) {
        let output = self.command(script, Stdio::piped()).output().expect("bash");
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Starts an example that goes on for ever; its output goes to a file.
    fn start(&self, script: &str, output: &Path) -> Pasted {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(output);
        // A process group, so that what it has started ends with it.
        let mut command = self.command(script, file.expect("a file"));
        Pasted(command.process_group(0).spawn().expect("bash"))
    }

    /// The server on its port again.
    fn restart(&mut self) {
        let server = self.server.take().expect("it runs");
        let address = server.address.to_string();
        assert!(server.stop().success());
        // --listen is repeated: the example goes on with the first, tests know the other.
        self.server = Some(Server::with(self.logs.path(), &["--listen", &address]));
    }
}

/// A running example, killed with everything it has started.
struct Pasted(Child);

impl Drop for Pasted {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn wait_for(file: &Path, expected: &str) {
    let mut seen = String::new();
    eventually(&format!("{expected:?} in {}", file.display()), || {
        seen = fs::read_to_string(file).unwrap_or_default();
        assert!(
            expected.starts_with(&seen),
            "{seen:?}, expected {expected:?}"
        );
        seen == expected
    });
}

#[test]
fn a_log_is_followed_through_its_rolls() {
    let Some(mut world) = World::new(&[]) else {
        return;
    };
    let topic = world.logs.join("topic");
    let output = world.here.join("output");
    append(&topic, b"one\n");
    let _follower = world.start(&blocks("Follow a log through its rolls")[0], &output);
    wait_for(&output, "one\n");
    append(&topic, b"two\n");
    fs::rename(&topic, world.logs.join("topic.1")).expect("rename");
    append(&topic, b"three\n");
    wait_for(&output, "one\ntwo\nthree\n");
    // The end of the server is no end of the file: nothing is printed twice.
    world.restart();
    append(&topic, b"four\n");
    wait_for(&output, "one\ntwo\nthree\nfour\n");
}

#[test]
fn a_copy_goes_on_after_a_reboot() {
    let Some(mut world) = World::new(&[]) else {
        return;
    };
    let topic = world.logs.join("topic");
    let copies = |world: &World| -> Vec<String> {
        let entries = fs::read_dir(world.here.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").path());
        let copies = names.filter(|path| !path.ends_with("output"));
        let mut copies: Vec<_> = copies
            .map(|path| fs::read_to_string(path).expect("a copy"))
            .collect();
        copies.sort();
        copies
    };
    let example = &blocks("Resume after a reboot")[0];
    let output = world.here.join("output");
    append(&topic, b"a1\n");
    let follower = world.start(example, &output);
    eventually("a copy", || copies(&world) == ["a1\n"]);
    drop(follower);
    append(&topic, b"a2\n");
    world.restart();
    let _follower = world.start(example, &output);
    eventually("the rest", || copies(&world) == ["a1\na2\n"]);
    fs::remove_file(&topic).expect("unlink");
    append(&topic, b"b1\n");
    eventually("the next file", || copies(&world) == ["a1\na2\n", "b1\n"]);
}

#[test]
fn tee_and_logger_publish() {
    for (heading, program, expected) in [
        ("Publish with tee", "build", "first\nsecond\n"),
        ("Publish with logger", "job", " job: first\n"),
    ] {
        let Some(world) = World::new(&["tee", "logger"]) else {
            return;
        };
        let program_path = world.here.join(program);
        fs::write(&program_path, "#!/bin/sh\necho first\necho second >&2\n").expect("write");
        fs::set_permissions(&program_path, fs::Permissions::from_mode(0o755)).expect("chmod");
        append(&world.logs.join(program), b"");
        let mut tail = world.server().tail(&format!("/{program}"), 0);
        world.run(&blocks(heading)[0]);
        let whole = fs::read(world.logs.join(program)).expect("a topic");
        tail.wait_for(whole.len());
        assert_eq!(tail.body, whole);
        let text = String::from_utf8(whole).expect("text");
        assert!(
            text.contains(expected) && text.lines().count() == 2,
            "{text}"
        );
    }
}

#[test]
fn what_goes_to_syslog_is_published() {
    let Some(world) = World::new(&["logger", "rsyslogd"]) else {
        return;
    };
    let socket = world.here.join("socket").display().to_string();
    let configuration = world.here.join("rsyslog.conf").display().to_string();
    let rule = world.placed(&blocks("Publish with logger")[1]);
    let text = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{socket}\")\n{rule}"
    );
    fs::write(&configuration, text).expect("write");
    let pid_file = world.here.join("pid").display().to_string();
    let mut daemon = Command::new("rsyslogd");
    daemon
        .args(["-n", "-f", &configuration, "-i", &pid_file])
        .process_group(0);
    let _daemon = Pasted(daemon.spawn().expect("rsyslogd"));
    eventually("a socket", || Path::new(&socket).exists());
    let topic = world.logs.join("app");
    append(&topic, b"");
    let mut tail = world.server().tail("/app", 0);
    for (tag, text) in [("other", "not this"), ("app", "hello")] {
        assert!(succeeds("logger", &["-u", &socket, "-t", tag, text]));
    }
    while !tail.body.ends_with(b" app: hello\n") {
        assert!(tail.step(), "it goes on");
    }
    assert_eq!(tail.body.iter().filter(|&&byte| byte == b'\n').count(), 1);
}

#[test]
fn events_are_printed() {
    let Some(world) = World::new(&[]) else {
        return;
    };
    let examples = blocks("Events of a file");
    let topic = world.logs.join("topic");
    append(&topic, "old\n".repeat(12).as_bytes());
    let output = world.here.join("output");
    let _curl = world.start(&examples[0], &output);
    let printed = || fs::read_to_string(&output).unwrap_or_default();
    eventually("the last ten lines", || {
        printed().matches("data: old\n\n").count() == 10
    });
    append(&topic, b"new\n");
    eventually("a new line", || printed().ends_with("\ndata: new\n\n"));
    // What the page listens to is what there is.
    fs::remove_file(&topic).expect("unlink");
    append(&topic, b"");
    eventually("a roll", || printed().contains("\nevent: roll\n"));
    for kind in ["'part'", "'roll'", "'truncate'"] {
        assert!(examples[1].contains(kind), "{kind}");
    }
    assert_eq!(examples[1].lines().count(), 5);
}

#[test]
fn a_cron_job_publishes() {
    let Some(world) = World::new(&["df"]) else {
        return;
    };
    let line = &blocks("Publish from a cron job")[0];
    assert!(!line.contains('%'), "cron takes that for a line end");
    // crontab(5): five fields of time, the user, the rest goes to sh.
    let mut fields = line.trim_end().splitn(7, ' ');
    let time: Vec<&str> = fields.by_ref().take(5).collect();
    assert_eq!(time.len(), 5);
    assert!(
        time.iter()
            .all(|field| field.chars().all(|c| "0123456789*/,-".contains(c))),
        "{time:?}"
    );
    assert!(succeeds("id", &["-u", fields.next().expect("a user")]));
    let command = fields.next().expect("a command");
    let status = Command::new("sh")
        .args(["-c", &world.placed(command)])
        .status();
    assert!(status.expect("sh").success());
    let mut tail = world.server().tail("/disk", 0);
    tail.wait_for("Filesystem".len());
    assert!(tail.body.starts_with(b"Filesystem"));
}

#[test]
fn a_transaction_is_seen_as_a_whole_or_not_at_all() {
    let Some(world) = World::new(&[]) else {
        return;
    };
    let example = &blocks("Commit a transaction")[0];
    let (before, commit) = example.split_once("mv ").expect("a rename");
    assert_eq!(
        commit.trim_end().lines().count(),
        1,
        "nothing follows the rename"
    );
    let visible = |world: &World| -> Vec<String> {
        let listing = world.server().get("/", &[]);
        let listing = String::from_utf8(listing.body).expect("text");
        let names = listing
            .lines()
            .map(|line| line.split(' ').next().expect("a name"));
        names
            .filter(|name| name.contains("transaction") || name.contains("new"))
            .map(String::from)
            .collect()
    };
    world.run(before);
    assert_eq!(
        fs::read_dir(world.logs.path())
            .expect("a directory")
            .count(),
        1
    );
    assert_eq!(visible(&world), Vec::<String>::new());
    world.run(example);
    let names = visible(&world);
    assert_eq!(names.len(), 1, "{names:?}");
    let target = format!("/{}", names[0]);
    // It is sealed: also a subscription ends by itself.
    let answer = world.server().get(&target, &["Range: bytes=0-"]);
    assert_eq!(answer.body, b"debit 5\ncredit 5\n");
}

#[test]
fn a_tail_is_shipped_into_another_system() {
    let Some(world) = World::new(&["mosquitto", "mosquitto_pub", "mosquitto_sub"]) else {
        return;
    };
    let port = free_port().to_string();
    let mut broker = Command::new("mosquitto");
    broker
        .args(["-p", &port])
        .stderr(Stdio::null())
        .process_group(0);
    let _broker = Pasted(broker.spawn().expect("mosquitto"));
    eventually("a broker", || {
        succeeds("mosquitto_pub", &["-p", &port, "-t", "x", "-m", "up"])
    });
    let received = world.here.join("received");
    let subscriber = format!("exec mosquitto_sub -p {port} -t topic -t probe");
    let _subscriber = world.start(&subscriber, &received);
    let mut probes = String::new();
    eventually("a subscriber", || {
        probes = fs::read_to_string(&received).unwrap_or_default();
        probes.ends_with("probe\n")
            || !succeeds(
                "mosquitto_pub",
                &["-p", &port, "-t", "probe", "-m", "probe"],
            )
    });
    let topic = world.logs.join("topic");
    append(&topic, b"one\n");
    let example = blocks("Ship a tail into another system")[0]
        .replace("mosquitto_pub ", &format!("mosquitto_pub -p {port} "));
    let _shipper = world.start(&example, &world.here.join("output"));
    let all = |lines: &str| {
        eventually(lines, || {
            let seen = fs::read_to_string(&received).unwrap_or_default();
            seen.replace("probe\n", "") == lines
        });
    };
    all("one\n");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&topic)
        .expect("a topic");
    file.write_all(b"two\nthree\n").expect("an append");
    all("one\ntwo\nthree\n");
}

/// The same server, which lets clients write below `/in`.
fn writable() -> Option<World> {
    let mut world = World::new(&[])?;
    world.logs.mkdir("in");
    world.server = Some(Server::with(world.logs.path(), &["--write", "/in"]));
    Some(world)
}

#[test]
fn curl_publishes() {
    let Some(world) = writable() else {
        return;
    };
    world.here.write("report.html", "<p>all is well</p>\n");
    let example = &blocks("Publish with curl")[0];
    let (before, roll) = example.split_at(example.find("curl -fsS -X MOVE").expect("a roll"));
    world.run(before);
    let read = |name: &str| fs::read_to_string(world.logs.join(name)).expect("a file");
    assert_eq!(read("in/events"), "one record\ntwo\n");
    assert_eq!(read("in/report.html"), "<p>all is well</p>\n");
    world.run(&format!("url=http://127.0.0.1:8080/in\n{roll}"));
    let left = fs::read_dir(world.logs.join("in")).expect("a directory");
    assert_eq!(left.count(), 1, "rolled and removed");
}

#[test]
fn an_append_is_repeated_until_it_is_answered() {
    let Some(world) = writable() else {
        return;
    };
    let example = &blocks("Append once, whatever happens")[0];
    let read = || fs::read_to_string(world.logs.join("in/orders")).expect("a file");
    world.run(example);
    assert_eq!(read(), "order 7: 3 apples;");
    world.run(example);
    assert_eq!(read(), "order 7: 3 apples;".repeat(2));
    // Others have appended since it asked for the length.
    let race = example.replace("at=$(length)\nwhile", "at=3\nwhile");
    assert_ne!(&race, example);
    world.run(&race);
    assert_eq!(read(), "order 7: 3 apples;".repeat(3));
}

#[test]
fn a_worker_in_bash_does_a_job() {
    let Some(world) = World::new(&["flock", "tail", "sed"]) else {
        return;
    };
    let jobs = world.logs.join("resize");
    fs::create_dir(&jobs).expect("mkdir");
    for (name, text) in [
        ("one.request", "12345"),
        ("one", ""),
        ("queue", "{\"id\":\"one\",\"deadline\":9999999999}\n"),
    ] {
        fs::write(jobs.join(name), text).expect("write");
    }
    let _worker = world.start(&blocks("A worker in bash")[0], &world.here.join("output"));
    let sealed = || fs::metadata(jobs.join("one")).is_ok_and(|meta| meta.permissions().readonly());
    eventually("the end of the job", sealed);
    let text = |name: &str| fs::read_to_string(jobs.join(name)).expect("a file");
    assert_eq!(
        (text("one"), text("one.status")),
        ("5\n".into(), "0\n".into())
    );
    assert!(text("done").starts_with("{\"id\":\"one\",\"status\":\"0\",\"time\":"));
}
