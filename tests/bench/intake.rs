//! Lines from sockets beside tails: what an append to a tail waits while datagrams arrive, what one costs, how many are lost.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::machine;
use super::meter::{Meter, quantile};
use super::probe;
use super::servers::{Intake, Kind, Plan, Server};
use super::settings::Settings;
use super::site::{Site, record};
use super::table::{Column, Sample, Table};

const COLUMNS: &[Column] = &[
    ("p50 µs", false),
    ("p99 µs", false),
    ("max µs", false),
    ("server core %", false),
    ("load core %", false),
    ("datagrams/s", false),
    ("lost %", false),
    ("CPU µs/datagram", false),
];
/// Bytes of a datagram, with its line end.
const SIZE: usize = 100;
/// Datagrams are sent in as many pieces a second as timers can be trusted with.
const TICK: Duration = Duration::from_millis(1);

/// An append to a file with one tail, beside idle tails of another file, without and with datagrams.
pub fn run(settings: &Settings) -> Vec<Table> {
    let title = "First byte of an append (100 B, 100 a second, one tail) beside idle tails and datagrams of 100 B";
    let mut table = Table::new(title, COLUMNS, &[]);
    for tails in settings.tails(&[10_000], &[100]) {
        for rate in settings.either([0, 10_000, 100_000], [0, 1000, 10_000]) {
            let case = format!("{tails} tails, {rate} datagrams/s");
            settings.alternate(&settings.among(&[Kind::Openrange]), &case, |kind| {
                let sample = once(settings, kind, tails, rate);
                table.add(&case, kind, sample);
            });
        }
    }
    vec![table]
}

/// What was sent, and for how long.
struct Sent {
    datagrams: u64,
    seconds: f64,
}

fn once(settings: &Settings, kind: Kind, tails: usize, rate: u64) -> Result<Sample, String> {
    let site = Site::new().with_topics(2);
    let intake = Intake::free();
    let plan = Plan {
        topics: 2,
        connections: tails + 1,
        intake: Some(intake),
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut idle = Crowd::new(&server, &site, 1..2)?;
    idle.attach(&server, tails, false)?;
    machine::settle(server.pid());
    let meter = Meter::start(server.pid());
    let (latencies, sent) =
        probe::appends_beside(settings, &server, &site, |stop| send(intake, rate, stop));
    let spent = meter.stop();
    let (mut latencies, sent) = (latencies?, sent.map_err(|error| error.to_string())?);
    machine::settle(server.pid());
    let received = received(&site, sent.datagrams)?;
    if idle.disturbed() > 0 {
        return Err("idle tails got something".into());
    }
    let each = |value: f64, of: u64| if of == 0 { 0.0 } else { value / of as f64 };
    Ok(Sample {
        figures: vec![
            quantile(&mut latencies, 0.5),
            quantile(&mut latencies, 0.99),
            quantile(&mut latencies, 1.0),
            spent.server * 100.0 / spent.seconds,
            spent.load * 100.0 / spent.seconds,
            sent.datagrams as f64 / sent.seconds,
            each(100.0 * (sent.datagrams - received) as f64, sent.datagrams),
            each(spent.server * 1e6, received),
        ],
        others: spent.others,
    })
}

/// Sends so many datagrams a second, or as many as this core can, until it is to stop.
fn send(intake: Intake, rate: u64, stop: &AtomicBool) -> std::io::Result<Sent> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, intake.port))?;
    let begin = Instant::now();
    let mut sent = 0;
    let mut datagram = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent < due && !stop.load(Ordering::Relaxed) {
            datagram.clear();
            record(sent, SIZE, &mut datagram);
            socket.send(&datagram)?;
            sent += 1;
        }
        thread::sleep(TICK);
    }
    Ok(Sent {
        datagrams: sent,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// How many of the datagrams are in the file: each once, whole, in the order in which they were sent.
fn received(site: &Site, sent: u64) -> Result<u64, String> {
    let content = fs::read(site.file(Intake::FILE)).unwrap_or_default();
    let mut number = 0;
    let mut expected = Vec::new();
    for line in content.chunks(SIZE) {
        loop {
            if number == sent {
                let line = String::from_utf8_lossy(line);
                return Err(format!("a line that was not sent, or not then: {line:?}"));
            }
            expected.clear();
            record(number, SIZE, &mut expected);
            number += 1;
            if *line == *expected {
                break;
            }
        }
    }
    Ok((content.len() / SIZE) as u64)
}
