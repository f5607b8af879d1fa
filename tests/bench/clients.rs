//! The clients of this repository, `openrange follow` and `mirror`, beside curl: on the core of the load.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::latency;
use super::machine::{PATIENCE, cpu_time, field};
use super::meter::Meter;
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::{Site, record, topic};
use super::table::{Column, Sample, Table};

/// Samples of each row, so that all of it takes a minute or two.
const RUNS: usize = 3;
const CLIENTS: [&str; 2] = ["curl", "openrange follow"];

const CATCH_UP: &[Column] = &[
    ("MiB/s", false),
    ("client CPU s", false),
    ("client resident at most, KiB", false),
];
const MIRROR: &[Column] = &[
    ("s until all is here", false),
    ("CPU s until then", false),
    ("threads", false),
    ("connections", false),
    ("resident, KiB", false),
    ("idle core %", false),
    ("ms for a line to each", false),
];

pub fn run(settings: &Settings) -> Vec<Table> {
    let length = settings.either(1 << 30, 64 << 20);
    let site = Site::new().with_file("file", length).with_topics(1);
    let mut backlog = Table::new("Catch-up of 1 GiB to /dev/null", CATCH_UP, &[]);
    let title = "A line to a follower's stdout (100 B, 100 a second)";
    let mut live = Table::new(title, latency::COLUMNS, &[]);
    let mut mirror = Table::new("A mirror of 1,000 topics", MIRROR, &[]);
    for _ in 0..settings.runs.min(RUNS) {
        for client in CLIENTS {
            let sample = catch_up(settings, &site, client, length);
            backlog.add(client, Kind::Openrange, sample);
            let sample = follow(settings, &site, client);
            live.add(client, Kind::Openrange, sample);
        }
        let sample = mirrored(settings);
        mirror.add("openrange mirror", Kind::Openrange, sample);
    }
    vec![backlog, live, mirror]
}

/// A client; killed when it is dropped.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

fn serve(settings: &Settings, site: &Site) -> Result<Server, String> {
    Server::start(Kind::Openrange, settings, site, &Plan::default())
}

fn command(settings: &Settings, client: &str) -> Command {
    match client {
        "curl" => {
            let mut command = Command::new("curl");
            command.args(["-sfN"]);
            command
        }
        _ => {
            let mut command = Command::new(&settings.binary);
            command.arg("follow");
            command
        }
    }
}

fn catch_up(settings: &Settings, site: &Site, client: &str, length: u64) -> Result<Sample, String> {
    let server = serve(settings, site)?;
    let mut command = command(settings, client);
    if client != "curl" {
        command.arg("--until-caught-up");
    }
    command.arg(format!("http://{}/file", server.files));
    let meter = Meter::start(server.pid());
    let start = Instant::now();
    let child = command.stdout(Stdio::null()).spawn().map_err(text)?;
    let mut client = Client(child);
    let status = format!("/proc/{}/status", client.0.id());
    let (mut resident, mut cpu) = (0, Duration::ZERO);
    let code = loop {
        if let Some(code) = client.0.try_wait().map_err(text)? {
            break code;
        }
        resident = field(&status, "VmHWM").max(resident);
        cpu = cpu_time(client.0.id()).max(cpu);
        thread::sleep(Duration::from_millis(2));
    };
    let seconds = start.elapsed().as_secs_f64();
    if !code.success() {
        return Err(format!("the client has failed: {code}"));
    }
    Ok(Sample {
        figures: vec![
            length as f64 / f64::from(1 << 20) / seconds,
            cpu.as_secs_f64(),
            resident as f64,
        ],
        // What the client used is not that of others.
        others: (meter.stop().others - cpu.as_secs_f64() * 100.0 / seconds).max(0.0),
    })
}

/// From just before the write(2) of a line until it has been read from the client's stdout.
fn follow(settings: &Settings, site: &Site, client: &str) -> Result<Sample, String> {
    let server = serve(settings, site)?;
    let mut command = command(settings, client);
    match client {
        "curl" => command.args(["-r", "0-"]),
        _ => command.args(["--from", "start"]),
    };
    let name = topic(0);
    command.arg(format!("http://{}/{name}", server.files));
    let child = command.stdout(Stdio::piped()).spawn().map_err(text)?;
    let mut client = Client(child);
    let stdout = client.0.stdout.take().ok_or("no stdout")?;
    let mut lines = BufReader::new(stdout);
    // What earlier runs have left comes first.
    let mut file = site.appender(&name);
    let left = file.metadata().map_err(text)?.len() / RECORD as u64;
    let mut line = Vec::new();
    let mut latencies = Vec::new();
    let mut publish = |number: u64, expected: u64| -> Result<f64, String> {
        let mut bytes = Vec::new();
        record(number, RECORD, &mut bytes);
        let start = Instant::now();
        file.write_all(&bytes).map_err(text)?;
        for _ in 0..expected {
            line.clear();
            lines.read_until(b'\n', &mut line).map_err(text)?;
        }
        match line == bytes {
            true => Ok(start.elapsed().as_secs_f64() * 1e6),
            false => Err(format!("line {number} is wrong")),
        }
    };
    publish(0, left + 1)?;
    let count = settings.either(300, 30);
    let (meter, used) = (Meter::start(server.pid()), cpu_time(client.0.id()));
    for number in 1..=count {
        thread::sleep(Duration::from_millis(10));
        latencies.push(publish(number, 1)?);
    }
    let mut spent = meter.stop();
    let used = (cpu_time(client.0.id()) - used).as_secs_f64();
    spent.others = (spent.others - used * 100.0 / spent.seconds).max(0.0);
    Ok(latency::sample(spent, latencies))
}

const RECORD: usize = 100;

fn mirrored(settings: &Settings) -> Result<Sample, String> {
    let count = settings.either(1000, 100);
    let site = Site::new().with_topics(count);
    let mut files: Vec<File> = (0..count)
        .map(|number| site.appender(&topic(number)))
        .collect();
    let mut append = |number: u64| -> Result<(), String> {
        let mut bytes = Vec::new();
        record(number, RECORD, &mut bytes);
        let written = files.iter_mut().try_for_each(|file| file.write_all(&bytes));
        written.map_err(text)
    };
    append(0)?;
    let server = serve(settings, &site)?;
    let copy = site.own("copy");
    let start = Instant::now();
    let child = Command::new(&settings.binary)
        .args(["mirror", &format!("http://{}/", server.files)])
        .arg(&copy)
        .stderr(Stdio::null())
        .spawn()
        .map_err(text)?;
    let client = Client(child);
    let pid = client.0.id();
    wait_for(&copy, count, RECORD as u64)?;
    let complete = start.elapsed().as_secs_f64();
    let busy = cpu_time(pid).as_secs_f64();
    append(1)?;
    let appended = Instant::now();
    wait_for(&copy, count, 2 * RECORD as u64)?;
    let spread = appended.elapsed().as_secs_f64();
    let idle = settings.either(Duration::from_secs(5), Duration::from_millis(500));
    let (meter, used) = (Meter::start(server.pid()), cpu_time(pid));
    thread::sleep(idle);
    let spent = meter.stop();
    let used = (cpu_time(pid) - used).as_secs_f64();
    Ok(Sample {
        figures: vec![
            complete,
            busy,
            field(&format!("/proc/{pid}/status"), "Threads") as f64,
            connections(server.files.port()) as f64,
            field(&format!("/proc/{pid}/status"), "VmRSS") as f64,
            used * 100.0 / spent.seconds,
            spread * 1e3,
        ],
        others: (spent.others - used * 100.0 / spent.seconds).max(0.0),
    })
}

/// Until so many copies have so many bytes.
fn wait_for(copy: &Path, count: usize, length: u64) -> Result<(), String> {
    let start = Instant::now();
    let is_there = |number| {
        let copy = fs::metadata(copy.join(topic(number)));
        copy.is_ok_and(|copy| copy.len() >= length)
    };
    let mut number = 0;
    while number < count {
        if is_there(number) {
            number += 1;
        } else if start.elapsed() > PATIENCE {
            return Err(format!("{number} of {count} copies are there"));
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// Connections to a server on this machine.
fn connections(port: u16) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    // Local address, remote address, state (1: established).
    let (remote, established) = (format!(":{port:04X}"), "01");
    let is_one = |line: &&str| {
        let mut words = line.split_whitespace().skip(2);
        words.next().is_some_and(|word| word.ends_with(&remote))
            && words.next() == Some(established)
    };
    table.lines().filter(is_one).count()
}
