//! Small: the size of the program, its memory at start, the time to its first answer.

use std::fs;
use std::time::Instant;

use super::askers::{Askers, Until};
use super::machine::field;
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

const COLUMNS: &[Column] = &[
    ("program, KiB", false),
    ("resident at start, KiB", false),
    ("ms to the first answer", false),
];

pub fn run(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 4] = [Kind::Openrange, Kind::Former, Kind::Lighttpd, Kind::Nginx];
    let mut table = Table::new("From start to the first answer", COLUMNS, &[]);
    settings.alternate(&settings.among(&KINDS), "start", |kind| {
        table.add("1 KiB file", kind, measure(settings, kind));
    });
    vec![table]
}

fn measure(settings: &Settings, kind: Kind) -> Result<Sample, String> {
    const LENGTH: u64 = 1024;
    let text = |error: std::io::Error| error.to_string();
    let site = Site::new().with_file("file", LENGTH);
    let started = Instant::now();
    let server = Server::start(kind, settings, &site, &Plan::default())?;
    let pid = server.pid();
    let waited = started.elapsed();
    let resident = field(&format!("/proc/{pid}/smaps_rollup"), "Rss");
    let answering = Instant::now();
    let dialect = server.whole_files();
    let mut asker = Askers::connect(server.files, dialect, "file", LENGTH, 1).map_err(text)?;
    asker.run(Until::Answers(1))?;
    let answered = waited + answering.elapsed();
    let program = fs::metadata(format!("/proc/{pid}/exe")).map_err(text)?;
    Ok(Sample {
        figures: vec![
            program.len() as f64 / 1024.0,
            resident as f64,
            answered.as_secs_f64() * 1e3,
        ],
        others: 0.0,
    })
}
