//! Small: the size of the program, its memory at start, the time to its first answer.

use std::fs;
use std::time::Instant;

use openrange::job::JobId;
use openrange::jobs::files::JobDirectory;
use openrange::jobs::record::JobRecord;

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

/// The directory of the jobs.
const JOBS: &str = "jobs";

pub fn run(settings: &Settings) -> Vec<Table> {
    const KINDS: [Kind; 4] = [Kind::Openrange, Kind::Former, Kind::Lighttpd, Kind::Nginx];
    let mut table = Table::new("From start to the first answer", COLUMNS, &[]);
    settings.alternate(&settings.among(&KINDS), "start", |kind| {
        table.add("1 KiB file", kind, measure(settings, kind, 0));
    });
    let count = settings.either(10_000, 100);
    let case = format!("1 KiB file, {count} open jobs");
    settings.alternate(&settings.among(&KINDS[..2]), &case, |kind| {
        table.add(&case, kind, measure(settings, kind, count));
    });
    vec![table]
}

/// Makes so many open jobs, as a server leaves them that ends.
fn make_jobs(site: &Site, count: u32) -> Result<(), String> {
    let path = site.file(JOBS);
    fs::create_dir(&path).map_err(|error| error.to_string())?;
    let directory = JobDirectory::open(&path).map_err(|error| error.to_string())?;
    for number in 0..count {
        let record = JobRecord {
            id: JobId::from_bits(number.into()),
            deadline: u64::MAX,
            content_type: "text/plain".into(),
            length: 1,
            callback: None,
        };
        let claimed = directory.claim(&record);
        claimed.map_err(|error| error.to_string())?;
        let request = path.join(format!("{}.request", record.id));
        fs::write(request, "x").map_err(|error| error.to_string())?;
        let queued = directory.enqueue(&record);
        queued.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn measure(settings: &Settings, kind: Kind, jobs: u32) -> Result<Sample, String> {
    const LENGTH: u64 = 1024;
    let text = |error: std::io::Error| error.to_string();
    let site = Site::new().with_file("file", LENGTH);
    let mut plan = Plan::default();
    if jobs > 0 {
        make_jobs(&site, jobs)?;
        plan.jobs = Some(JOBS);
    }
    let started = Instant::now();
    let server = Server::start(kind, settings, &site, &plan)?;
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
