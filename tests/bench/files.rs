//! Files as they are: a long backlog for one and for many, small files and large ones on connections that are kept.

use super::askers::{Askers, Until};
use super::dialect::Dialect;
use super::machine::settle;
use super::meter::{Meter, Spent};
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::{Site, topic};
use super::table::{Column, Sample, Table};

const CATCH_UP: &[Column] = &[
    ("GB/s", true),
    ("server CPU s/GB", true),
    ("server core %", false),
    ("load core %", false),
];
const REQUESTS: &[Column] = &[
    ("server CPU µs/request", true),
    ("requests/s", true),
    ("MB/s", false),
    ("server core %", false),
    ("load core %", false),
];

/// 1 GiB from the page cache: as tails from offset 0, and as whole files.
pub fn catch_up(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 5] = [
        Kind::Openrange,
        Kind::Bare,
        Kind::Lighttpd,
        Kind::Nginx,
        Kind::Tailsrv,
    ];
    let length = settings.either(1 << 30, 1 << 26);
    let references = &[Kind::Bare, Kind::Lighttpd];
    let title = format!("Catching up {} MiB", length >> 20);
    let mut table = Table::new(title, CATCH_UP, references);
    let site = Site::new().with_file(&topic(0), length);
    for readers in settings.tails(&[1, 16], &[1, 4]) {
        let what = format!("catch-up of {readers}");
        settings.alternate(&settings.among(&KINDS), &what, |kind| {
            let mut one = |way: &str, dialect: Option<Dialect>| {
                let sample = catch_up_once(settings, kind, dialect, &site, length, readers);
                table.add(&format!("{way}, {readers} readers"), kind, sample);
            };
            if kind != Kind::Tailsrv {
                one("finite", None);
            }
            match kind {
                Kind::Openrange => one("tail", Some(Dialect::Ranges)),
                Kind::Tailsrv => one("tail", Some(Dialect::Tailsrv)),
                _ => {}
            }
        });
    }
    let ratio = tail_against_finite(&mut table, settings);
    vec![table, ratio]
}

/// Bare loop and lighttpd are what tails are compared with, too; and our own finite downloads.
fn tail_against_finite(table: &mut Table, settings: &Settings) -> Table {
    let mut ratio = Table::new(
        "Tail against whole file",
        &[("GB/s, tail : finite", false)],
        &[],
    );
    for readers in settings.tails(&[1, 16], &[1, 4]) {
        let case = |way: &str| format!("{way}, {readers} readers");
        let rate = |way| table.median(&case(way), Kind::Openrange, 0);
        if let (Some(tail), Some(finite)) = (rate("tail"), rate("finite")) {
            let figures = vec![tail / finite];
            let sample = Sample {
                figures,
                others: 0.0,
            };
            ratio.add(&format!("{readers} readers"), Kind::Openrange, Ok(sample));
        }
        for kind in [Kind::Bare, Kind::Lighttpd] {
            table.repeat(&case("finite"), &case("tail"), kind);
        }
    }
    ratio
}

fn catch_up_once(
    settings: &Settings,
    kind: Kind,
    dialect: Option<Dialect>,
    site: &Site,
    length: u64,
    readers: usize,
) -> Result<Sample, String> {
    let plan = Plan {
        answer: Some("topic0"),
        connections: readers,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, site, &plan)?;
    let (address, dialect) = match dialect {
        Some(dialect) => (server.address, dialect),
        None => (server.files, server.whole_files()),
    };
    let askers = Askers::connect(address, dialect, &topic(0), length, readers);
    let mut askers = askers.map_err(|error| error.to_string())?;
    settle(server.pid());
    let meter = Meter::start(server.pid());
    let answered = askers.run(Until::Answers(readers))?;
    let spent = meter.stop();
    let gigabytes = answered.bytes as f64 / 1e9;
    Ok(Sample {
        figures: vec![
            gigabytes / answered.seconds,
            spent.server / gigabytes,
            spent.server * 100.0 / spent.seconds,
            spent.load * 100.0 / spent.seconds,
        ],
        others: spent.others,
    })
}

/// Connections with one request in flight on each: many, so that a server finds requests together, and a few.
pub fn requests(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 5] = [
        Kind::Openrange,
        Kind::Former,
        Kind::Bare,
        Kind::Lighttpd,
        Kind::Nginx,
    ];
    let references = &[Kind::Bare, Kind::Lighttpd];
    let mut table = Table::new("Files on connections that are kept", REQUESTS, references);
    let (small, large) = (1 << 10, 1 << 20);
    // Both at once: a server may treat a file that is new in another way.
    let sites = [small, large].map(|length| Site::new().with_file("file", length));
    for (case, site, length, connections, requests) in [
        ("1 KiB, 64 connections", &sites[0], small, 64, 200_000),
        ("1 KiB, 4 connections", &sites[0], small, 4, 100_000),
        ("1 MiB, 64 connections", &sites[1], large, 64, 4000),
    ] {
        settings.alternate(
            &settings.among(&KINDS),
            &format!("files of {case}"),
            |kind| {
                let requests = settings.either(requests, requests / 20);
                let sample = requests_once(settings, kind, site, length, connections, requests);
                table.add(case, kind, sample);
            },
        );
    }
    vec![table]
}

fn requests_once(
    settings: &Settings,
    kind: Kind,
    site: &Site,
    length: u64,
    connections: usize,
    requests: usize,
) -> Result<Sample, String> {
    let plan = Plan {
        answer: Some("file"),
        connections,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, site, &plan)?;
    let dialect = server.whole_files();
    let askers = Askers::connect(server.files, dialect, "file", length, connections);
    let mut askers = askers.map_err(|error| error.to_string())?;
    // Everything once, not measured: buffers grow, files get into the cache.
    askers.run(Until::Answers(connections))?;
    let meter = Meter::start(server.pid());
    let answered = askers.run(Until::Answers(requests))?;
    let spent: Spent = meter.stop();
    let (answers, bytes) = (answered.answers as f64, answered.bytes as f64);
    Ok(Sample {
        figures: vec![
            spent.server * 1e6 / answers,
            answers / answered.seconds,
            bytes / 1e6 / answered.seconds,
            spent.server * 100.0 / spent.seconds,
            spent.load * 100.0 / spent.seconds,
        ],
        others: spent.others,
    })
}
