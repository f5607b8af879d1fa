//! Records that are published to the server itself: by POST, or in the words of other brokers.

use std::time::Duration;

use super::bare_append;
use super::latency;
use super::machine::settle;
use super::meter::{Meter, Spent, quantile};
use super::probe::{self, Way};
use super::producers::{self, Acknowledged, Producers, Records};
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

const COLUMNS: &[Column] = &[
    ("server CPU µs/append", true),
    ("appends/s", true),
    ("p50 µs", false),
    ("p99 µs", false),
    ("server core %", false),
    ("load core %", false),
];

/// They acknowledge what is in the page cache, or in their memory.
const UNSYNCED: [Kind; 7] = [
    Kind::Openrange,
    Kind::Former,
    Kind::Bare,
    Kind::Nchan,
    Kind::Nats,
    Kind::Redis,
    Kind::Durable,
];
/// They acknowledge what is on disk.
const SYNCED: [Kind; 6] = [
    Kind::Openrange,
    Kind::Former,
    Kind::Bare,
    Kind::Batches,
    Kind::Redis,
    Kind::DurableWal,
];
const MANY_FILES: usize = 1000;
/// Not measured: connections come, files are opened.
const WARM_UP: Duration = Duration::from_millis(30);

/// Short samples: there are many cases, and five runs of all of them take some five minutes.
fn time(settings: &Settings) -> Duration {
    Duration::from_millis(settings.either(250, 50))
}

pub fn run(settings: &Settings) -> Vec<Table> {
    let mut tables = Vec::new();
    for fsync in [false, true] {
        let (title, kinds, references): (_, &[Kind], &'static [Kind]) = match fsync {
            false => ("Appends over HTTP", &UNSYNCED, &[Kind::Bare]),
            true => (
                "Appends over HTTP, acknowledged when they are on disk",
                &SYNCED,
                &[Kind::Bare, Kind::Batches],
            ),
        };
        let mut table = Table::new(title, COLUMNS, references);
        for topics in [1, MANY_FILES] {
            for &size in &settings.sizes {
                let records = Records {
                    size,
                    topics,
                    fsync,
                };
                for connections in settings.tails(&[1, 16, 256], &[1, 16]) {
                    measure(settings, records, connections, kinds, &mut table);
                }
            }
        }
        tables.push(table);
    }
    tables.push(to_follower(settings));
    tables
}

fn measure(
    settings: &Settings,
    records: Records,
    connections: usize,
    kinds: &[Kind],
    table: &mut Table,
) {
    let Records { size, topics, .. } = records;
    let files = if topics == 1 { "file" } else { "files" };
    let case = format!("{size} B, {connections} connections, {topics} {files}");
    let batches = topics == 1 && connections >= bare_append::BATCH;
    let takes_part = |kind: &Kind| match kind {
        // It has one file, and as many records at a time as these connections.
        Kind::Batches => batches,
        // To create that many streams takes it longer than all measurements.
        Kind::Durable | Kind::DurableWal => topics == 1,
        // Others with short records only: there are cases enough.
        kind => topics == 1 || size < 1000 || kind.is_ours(),
    };
    let kinds = settings.among(kinds).into_iter().filter(takes_part);
    let kinds: Vec<Kind> = kinds.collect();
    settings.alternate(&kinds, &format!("appends, {case}"), |kind| {
        let sample = match kind {
            Kind::Batches => Ok(batches_once(settings, size)),
            kind => once(settings, kind, records, connections),
        };
        table.add(&case, kind, sample);
    });
}

fn once(
    settings: &Settings,
    kind: Kind,
    records: Records,
    connections: usize,
) -> Result<Sample, String> {
    let site = Site::new().with_topics(records.topics);
    let plan = Plan {
        connections: connections + 1,
        records: Some(records),
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let producers = Producers::connect(server.address, server.dialect, records, connections);
    let mut producers = producers?;
    producers.run(WARM_UP)?;
    settle(server.pid());
    let meter = Meter::start(server.pid());
    let acknowledged = producers.run(time(settings))?;
    let spent = meter.stop();
    if server.dialect.by_file() {
        producers::check(&site, records, producers.published())?;
    }
    Ok(sample(spent, acknowledged))
}

fn batches_once(settings: &Settings, size: usize) -> Sample {
    let site = Site::new().with_topics(1);
    let meter = Meter::start(std::process::id());
    let time = time(settings);
    let (acknowledged, cpu) = bare_append::batches(&site, settings.cores.server, size, time);
    let spent = Spent {
        server: cpu,
        load: 0.0,
        ..meter.stop()
    };
    sample(spent, acknowledged)
}

fn sample(spent: Spent, mut acknowledged: Acknowledged) -> Sample {
    let records = acknowledged.records as f64;
    Sample {
        figures: vec![
            spent.server * 1e6 / records,
            records / acknowledged.seconds,
            quantile(&mut acknowledged.latencies, 0.5),
            quantile(&mut acknowledged.latencies, 0.99),
            spent.server * 100.0 / spent.seconds,
            spent.load * 100.0 / spent.seconds,
        ],
        others: spent.others,
    }
}

/// From an append to its first byte at a follower: by POST, and by write(2) of another program.
fn to_follower(settings: &Settings) -> Table {
    const KINDS: [Kind; 2] = [Kind::Openrange, Kind::Former];
    let title = "An append (100 B, 100 a second) to its first byte at a tail";
    let mut table = Table::new(title, latency::COLUMNS, &[]);
    for posts in [false, true] {
        let case = if posts { "POST" } else { "write(2)" };
        settings.alternate(&settings.among(&KINDS), case, |kind| {
            table.add(case, kind, to_follower_once(settings, kind, posts));
        });
    }
    table
}

fn to_follower_once(settings: &Settings, kind: Kind, posts: bool) -> Result<Sample, String> {
    let site = Site::new().with_topics(1);
    let plan = Plan {
        records: Some(Records {
            size: 100,
            topics: 1,
            fsync: false,
        }),
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut way = match posts {
        true => Way::post(&server)?,
        false => Way::File(site.appender("topic0")),
    };
    let meter = Meter::start(server.pid());
    let (count, period) = (settings.either(150, 20), Duration::from_millis(10));
    // In a thread of its own, which may go before the load.
    let latencies = std::thread::scope(|scope| {
        let probe = scope.spawn(|| probe::appends(&server, &mut way, count, period));
        probe.join().expect("no panic")
    });
    Ok(latency::sample(meter.stop(), latencies?))
}
