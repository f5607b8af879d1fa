//! One publisher, many subscribers: of one file, of a file each, and beside others that get nothing.

use std::time::Duration;

use super::crowd::{Crowd, Delivered, Load, Pace};
use super::machine;
use super::meter::{Meter, Spent, quantile};
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

const ALL: [Kind; 11] = [
    Kind::Openrange,
    Kind::Events,
    Kind::Former,
    Kind::FormerEvents,
    Kind::Bare,
    Kind::BareSendfile,
    Kind::Nchan,
    Kind::Redis,
    Kind::Nats,
    Kind::Tailsrv,
    Kind::Durable,
];
const BARE: &[Kind] = &[Kind::Bare];

const COLUMNS: &[Column] = &[
    ("server CPU µs/delivery", true),
    ("deliveries/s", true),
    ("MB/s", false),
    ("p50 µs", true),
    ("p99 µs", true),
    ("records/receive", false),
    ("server core %", false),
    ("load core %", false),
];
const CPU: usize = 0;

/// The three ways of `--paces`.
const PACES: [(&str, &str); 3] = [
    ("paced", "100 records a second (5 above 1,000 tails)"),
    ("one", "one record in flight"),
    ("flat", "64 records in flight (16 above 1,000 tails)"),
];

/// How much of each pace: enough for a second or so, and for a p99.
fn load(pace: &str, tails: usize, size: usize, quick: bool) -> Load {
    let (large, tails) = (tails > 1000, tails.max(1));
    let (records, pace) = match pace {
        "paced" if large => (8, Pace::Every(Duration::from_millis(200))),
        "paced" => (100, Pace::Every(Duration::from_millis(10))),
        "one" => ((100_000 / tails).clamp(20, 5000), Pace::InFlight(1)),
        _ => {
            let records = (500_000 / tails).clamp(100, 50_000);
            let records = if size > 1000 { records / 5 } else { records };
            (records, Pace::InFlight(if large { 16 } else { 64 }))
        }
    };
    let records = if quick { records / 5 + 1 } else { records };
    Load {
        records,
        size,
        pace,
    }
}

fn sample(spent: Spent, delivered: &mut Delivered, size: usize) -> Sample {
    let deliveries = delivered.deliveries as f64;
    let rate = deliveries / delivered.seconds;
    Sample {
        figures: vec![
            spent.server * 1e6 / deliveries,
            rate,
            rate * size as f64 / 1e6,
            quantile(&mut delivered.latencies, 0.5),
            quantile(&mut delivered.latencies, 0.99),
            deliveries / delivered.receives as f64,
            spent.server * 100.0 / delivered.seconds,
            spent.load * 100.0 / delivered.seconds,
        ],
        others: spent.others,
    }
}

fn measure(crowd: &mut Crowd, server: &Server, load: Load) -> Result<Sample, String> {
    let meter = Meter::start(server.pid());
    let mut delivered = crowd.run(load)?;
    // What is left to do after the last delivery belongs to it.
    machine::settle(server.pid());
    let spent = meter.stop();
    crowd.poll(Duration::ZERO)?;
    Ok(sample(spent, &mut delivered, load.size))
}

/// K tails of one file.
pub fn one_file(settings: &Settings) -> Vec<Table> {
    let mut tables: Vec<(&str, Table)> = PACES
        .iter()
        .filter(|(name, _)| settings.paces.iter().any(|pace| pace == name))
        .map(|(name, what)| {
            (
                *name,
                Table::new(format!("Fan-out of one file, {what}"), COLUMNS, BARE),
            )
        })
        .collect();
    for tails in settings.tails(&[1, 100, 1000, 10_000], &[1, 100]) {
        let what = format!("fan-out to {tails}");
        settings.alternate(&settings.among(&ALL), &what, |kind| {
            let mut crowd = gather(settings, kind, 1, tails);
            for &size in &settings.sizes {
                for (pace, table) in &mut tables {
                    if kind == Kind::BareSendfile && (size < 1000 || *pace != "flat") {
                        continue;
                    }
                    let load = load(pace, tails, size, settings.quick);
                    let sample = match &mut crowd {
                        Ok((_, server, crowd)) => measure(crowd, server, load),
                        Err(why) => Err(why.clone()),
                    };
                    // A crowd that has lost something cannot go on.
                    if let Err(why) = &sample {
                        crowd = Err(why.clone());
                    }
                    table.add(&case(size, tails), kind, sample);
                }
            }
        });
    }
    let growth = tables.iter().find(|(pace, _)| *pace == "one");
    let growth = growth.and_then(|(_, table)| growth_of(table, settings));
    let tables = tables.into_iter().map(|(_, table)| table);
    tables.chain(growth).collect()
}

fn case(size: usize, tails: usize) -> String {
    format!("{size} B, {tails} tails")
}

fn gather(
    settings: &Settings,
    kind: Kind,
    topics: usize,
    tails: usize,
) -> Result<(Site, Server, Crowd), String> {
    let site = Site::new().with_topics(topics);
    let plan = Plan {
        topics,
        tails_each: tails / topics,
        connections: tails,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut crowd = Crowd::new(&server, &site, 0..topics)?;
    crowd.attach(&server, tails, false)?;
    crowd.warm_up(server.pid())?;
    Ok((site, server, crowd))
}

/// How much dearer a delivery gets from the smaller crowd to the larger one.
fn growth_of(table: &Table, settings: &Settings) -> Option<Table> {
    const COLUMNS: &[Column] = &[("CPU/delivery at 10,000 : at 100", true)];
    let mut growth = Table::new("Growth, one record in flight", COLUMNS, BARE);
    let mut any = false;
    for &size in &settings.sizes {
        for kind in ALL {
            let at = |tails| table.median(&case(size, tails), kind, CPU);
            if let (Some(few), Some(many)) = (at(100), at(10_000)) {
                let figures = vec![many / few];
                let sample = Sample {
                    figures,
                    others: 0.0,
                };
                growth.add(&format!("{size} B"), kind, Ok(sample));
                any = true;
            }
        }
    }
    any.then_some(growth)
}

/// Many files, one tail each: one append in flight altogether, and one to each file.
pub fn many_files(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 6] = [
        Kind::Openrange,
        Kind::Former,
        Kind::Bare,
        Kind::Nchan,
        Kind::Redis,
        Kind::Nats,
    ];
    let mut table = Table::new("Many files, one tail each, 100 B", COLUMNS, BARE);
    for files in settings.tails(&[1000], &[100]) {
        let what = format!("{files} files");
        settings.alternate(&settings.among(&KINDS), &what, |kind| {
            let crowd = gather(settings, kind, files, files);
            let (site, server, mut crowd) = match crowd {
                Ok(gathered) => gathered,
                Err(why) => return table.add(&format!("{files} files"), kind, Err(why)),
            };
            for in_flight in [1, files] {
                let load = Load {
                    records: settings.either(if in_flight == 1 { 5000 } else { 100 * files }, 500),
                    size: 100,
                    pace: Pace::InFlight(in_flight),
                };
                let case = format!("{files} files, {in_flight} in flight");
                table.add(&case, kind, measure(&mut crowd, &server, load));
            }
            drop(site);
        });
    }
    vec![table]
}

/// What an append to a file with one tail costs, alone and beside others that get nothing.
pub fn beside(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 2] = [Kind::Openrange, Kind::Bare];
    let mut table = Table::new(
        "One append to one tail, 100 B, one in flight, beside idle tails",
        COLUMNS,
        BARE,
    );
    let crowds = settings.either(
        [(0, 0), (1000, 1000), (1, 10_000)],
        [(0, 0), (100, 100), (1, 1000)],
    );
    for (files, tails) in crowds {
        let case = match (files, tails) {
            (_, 0) => "alone".into(),
            (1, _) => format!("beside {tails} tails of one other file"),
            _ => format!("beside {tails} tails of {files} other files"),
        };
        settings.alternate(&settings.among(&KINDS), &case, |kind| {
            let sample = beside_crowd(settings, kind, files, tails);
            table.add(&case, kind, sample);
        });
    }
    vec![table]
}

fn beside_crowd(
    settings: &Settings,
    kind: Kind,
    files: usize,
    tails: usize,
) -> Result<Sample, String> {
    let site = Site::new().with_topics(files + 1);
    let plan = Plan {
        topics: files + 1,
        tails_each: tails / files.max(1),
        connections: tails + 1,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut idle = Crowd::new(&server, &site, 0..files)?;
    idle.attach(&server, tails, false)?;
    let mut single = Crowd::new(&server, &site, files..files + 1)?;
    single.attach(&server, 1, false)?;
    single.warm_up(server.pid())?;
    let load = Load {
        records: settings.either(5000, 500),
        size: 100,
        pace: Pace::InFlight(1),
    };
    let sample = measure(&mut single, &server, load);
    match idle.disturbed() {
        0 => sample,
        count => Err(format!("{count} idle tails got something")),
    }
}
