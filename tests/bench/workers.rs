//! Two workers against one.
//!
//! On two cores there is none left for the load. So while time is taken the load does next to nothing: one append, and
//! then it sleeps until the kernel has everything in the buffers of all subscribers; they read, and compare, afterwards.
//! What two workers could gain at most is what a second bare loop gains in the same way.

use super::crowd::Crowd;
use super::meter::{Meter, cpu_of_threads, median};
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

const COLUMNS: &[Column] = &[
    ("deliveries/s", false),
    ("server CPU µs/delivery", false),
    ("CPU of the busiest worker, % of all", false),
    ("load core %", false),
];

pub fn run(settings: &Settings) -> Vec<Table> {
    let title = "Two workers on two cores, 100 B, one record in flight, unread while time is taken";
    let mut table = Table::new(title, COLUMNS, &[]);
    let kinds = settings.among(&[Kind::Openrange, Kind::Bare]);
    let tails = settings.tails(&[10_000], &[1000])[0];
    let case = |workers: usize| format!("{tails} tails, {workers} workers");
    settings.alternate(&kinds, "workers", |kind| {
        for workers in [1, 2] {
            let sample = measure(settings, kind, tails, workers);
            table.add(&case(workers), kind, sample);
        }
    });
    let mut gain = Table::new(
        "Gain of the second worker",
        &[("two workers : one", false)],
        &[],
    );
    for kind in kinds {
        let at = |workers| table.median(&case(workers), kind, 0);
        if let (Some(one), Some(two)) = (at(1), at(2)) {
            let figures = vec![two / one];
            let sample = Sample {
                figures,
                others: 0.0,
            };
            gain.add("deliveries/s", kind, Ok(sample));
        }
    }
    vec![table, gain]
}

fn measure(
    settings: &Settings,
    kind: Kind,
    tails: usize,
    workers: usize,
) -> Result<Sample, String> {
    let site = Site::new().with_topics(1);
    let plan = Plan {
        topics: 1,
        tails_each: tails,
        connections: tails,
        workers,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let mut crowd = Crowd::new(&server, &site, 0..1)?;
    crowd.attach(&server, tails, false)?;
    crowd.warm_up(server.pid())?;
    let appends = settings.either(20, 4);
    let before = cpu_of_threads(server.pid());
    let meter = Meter::start(server.pid());
    let mut seconds = Vec::new();
    for _ in 0..appends {
        seconds.push(crowd.unread(100)?);
    }
    let spent = meter.stop();
    let after = cpu_of_threads(server.pid());
    let used = after
        .iter()
        .zip(&before)
        .map(|(after, before)| (*after - *before).as_secs_f64());
    let used: Vec<f64> = used.collect();
    let (tails, appends) = (tails as f64, appends as f64);
    Ok(Sample {
        figures: vec![
            tails / median(&seconds),
            spent.server * 1e6 / (tails * appends),
            used.iter().copied().fold(0.0, f64::max) * 100.0 / used.iter().sum::<f64>(),
            spent.load * 100.0 / spent.seconds,
        ],
        others: spent.others,
    })
}
