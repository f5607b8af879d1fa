//! How long one client waits while the same worker has much to do for others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::askers::{Askers, Until};
use super::crowd::{Crowd, Load, Pace};
use super::meter::{Meter, Spent, quantile};
use super::probe;
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

pub const COLUMNS: &[Column] = &[
    ("p50 µs", true),
    ("p90 µs", true),
    ("p99 µs", true),
    ("max µs", false),
    ("server core %", false),
    ("load core %", false),
];
const BARE: &[Kind] = &[Kind::Bare];

pub fn sample(spent: Spent, mut latencies: Vec<f64>) -> Sample {
    Sample {
        figures: vec![
            quantile(&mut latencies, 0.5),
            quantile(&mut latencies, 0.9),
            quantile(&mut latencies, 0.99),
            quantile(&mut latencies, 1.0),
            spent.server * 100.0 / spent.seconds,
            spent.load * 100.0 / spent.seconds,
        ],
        others: spent.others,
    }
}

/// Time to the first byte of an append, alone and while others download flat out.
pub fn first_byte(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 2] = [Kind::Openrange, Kind::Bare];
    let title = "First byte of an append (100 B, 100 a second, one tail)";
    let mut table = Table::new(title, COLUMNS, BARE);
    for downloads in settings.tails(&[0, 16], &[0, 4]) {
        let case = format!("{downloads} downloads of 64 MiB flat out");
        settings.alternate(&settings.among(&KINDS), &case, |kind| {
            let sample = first_byte_once(settings, kind, downloads);
            table.add(&case, kind, sample);
        });
    }
    vec![table]
}

fn first_byte_once(settings: &Settings, kind: Kind, downloads: usize) -> Result<Sample, String> {
    const LENGTH: u64 = 64 << 20;
    let site = Site::new().with_topics(1).with_file("file", LENGTH);
    let plan = Plan {
        topics: 1,
        answer: Some("file"),
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let dialect = server.whole_files();
    let askers = Askers::connect(server.files, dialect, "file", LENGTH, downloads);
    let mut askers = askers.map_err(|error| error.to_string())?;
    if downloads > 0 {
        askers.run(Until::Answers(downloads))?;
    }
    let meter = Meter::start(server.pid());
    let (latencies, answered) = probe::appends_beside(settings, &server, &site, |stop| {
        askers.run(Until::Told(stop))
    });
    answered?;
    Ok(sample(meter.stop(), latencies?))
}

/// A small request on the worker that serves a crowd five records a second.
pub fn unrelated(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 3] = [Kind::Openrange, Kind::Bare, Kind::Nchan];
    let title =
        "An unrelated request (1 KiB, every 4 ms) while tails of one file get 5 records a second";
    let mut table = Table::new(title, COLUMNS, BARE);
    for tails in settings.tails(&[1, 10_000], &[1, 1000]) {
        let case = format!("{tails} tails");
        settings.alternate(
            &settings.among(&KINDS),
            &format!("unrelated, {case}"),
            |kind| {
                let sample = unrelated_once(settings, kind, tails);
                table.add(&case, kind, sample);
            },
        );
    }
    vec![table]
}

fn unrelated_once(settings: &Settings, kind: Kind, tails: usize) -> Result<Sample, String> {
    const LENGTH: u64 = 1024;
    const PERIOD: Duration = Duration::from_millis(4);
    let site = Site::new().with_topics(1).with_file("file", LENGTH);
    let plan = Plan {
        topics: 1,
        tails_each: tails,
        answer: Some("file"),
        connections: tails + 1,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut crowd = Crowd::new(&server, &site, 0..1)?;
    crowd.attach(&server, tails, false)?;
    crowd.warm_up(server.pid())?;
    let load = Load {
        records: settings.either(50, 5),
        size: 100,
        pace: Pace::Every(Duration::from_millis(200)),
    };
    let stop = AtomicBool::new(false);
    let meter = Meter::start(server.pid());
    let (latencies, delivered) = thread::scope(|scope| {
        let probe = scope.spawn(|| probe::requests(&server, "file", LENGTH, PERIOD, &stop));
        let delivered = crowd.run(load);
        stop.store(true, Ordering::Relaxed);
        (probe.join().expect("no panic"), delivered)
    });
    delivered?;
    Ok(sample(meter.stop(), latencies?))
}
