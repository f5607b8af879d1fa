//! What tails cost that get nothing: to attach them, to hold them, to wait.

use std::thread;
use std::time::Duration;

use super::crowd::Crowd;
use super::machine::{self, cpu_time, field};
use super::meter::{Meter, median};
use super::servers::{Kind, Plan, Server};
use super::settings::Settings;
use super::site::Site;
use super::table::{Column, Sample, Table};

const KINDS: [Kind; 10] = [
    Kind::Openrange,
    Kind::Events,
    Kind::Bare,
    Kind::Former,
    Kind::FormerEvents,
    Kind::Nginx,
    Kind::Lighttpd,
    Kind::Nchan,
    Kind::Redis,
    Kind::Nats,
];

const ATTACH: &[Column] = &[
    ("server CPU µs each", true),
    ("µs, the first ones", false),
    ("µs, the last ones", false),
    ("last : first", false),
];
const IDLE: &[Column] = &[
    ("server's bytes each", false),
    ("kernel's bytes each, both ends", false),
    ("wake-ups/s", false),
    ("CPU % of a core", false),
];

/// A descriptor for each connection and some for the rest.
const SPARE: u64 = 200;
/// Long enough to see the server's look at all followed files, which comes every 15 seconds.
const WAIT: Duration = Duration::from_secs(16);
/// For servers whose timers are quicker than that.
const WAIT_PEERS: Duration = Duration::from_secs(4);

pub fn run(settings: &Settings) -> Vec<Table> {
    let mut attach = Table::new(
        "Attaching tails of one file",
        ATTACH,
        &[Kind::Bare, Kind::Nginx],
    );
    let mut idle = Table::new("Idle tails of one file", IDLE, &[]);
    for tails in settings.tails(&[10_000, 100_000], &[1000]) {
        let limit = machine::raise_descriptors(0);
        // openrange keeps a quarter of the descriptors for other purposes.
        if limit * 3 / 4 < tails as u64 + SPARE {
            eprintln!("skipped: {tails} idle tails: at most {limit} descriptors are allowed");
            continue;
        }
        // More is too much for most peers.
        let kinds = if tails > 10_000 {
            &KINDS[..3]
        } else {
            &KINDS[..]
        };
        let case = format!("{tails} tails");
        settings.alternate(
            &settings.among(kinds),
            &format!("idle, {case}"),
            |kind| match measure(settings, kind, tails) {
                Ok((attached, idled)) => {
                    attach.add(&case, kind, Ok(attached));
                    idle.add(&case, kind, Ok(idled));
                }
                Err(why) => {
                    attach.add(&case, kind, Err(why.clone()));
                    idle.add(&case, kind, Err(why));
                }
            },
        );
    }
    vec![attach, idle]
}

fn measure(settings: &Settings, kind: Kind, tails: usize) -> Result<(Sample, Sample), String> {
    // Servers of whole files answer each new connection once, with 1 KiB.
    let files = matches!(kind, Kind::Nginx | Kind::Lighttpd);
    let site = Site::new().with_topics(1);
    let site = if files {
        site.with_file("topic0", 1024)
    } else {
        site
    };
    let plan = Plan {
        topics: 1,
        tails_each: tails,
        connections: tails,
        ..Plan::default()
    };
    let server = Server::start(kind, settings, &site, &plan)?;
    let pid = server.pid();
    let single = (tails / 50).min(200);
    let mut crowd = Crowd::new(&server, &site, 0..1)?;
    let first = crowd.attach(&server, single, true)?;
    machine::settle(pid);
    let memory = Memory::of(pid);
    let meter = Meter::start(pid);
    crowd.attach(&server, tails - 2 * single, false)?;
    machine::settle(pid);
    let attached = meter.stop();
    let last = crowd.attach(&server, single, true)?;
    machine::settle(pid);
    let after = Memory::of(pid);
    let (more, batch) = ((tails - single) as f64, (tails - 2 * single) as f64);
    // No greeting, no time to it.
    let greeting = |times: &[f64]| {
        if server.dialect.greets() {
            median(times)
        } else {
            f64::NAN
        }
    };
    let attach = Sample {
        figures: vec![
            attached.server * 1e6 / batch,
            greeting(&first),
            greeting(&last),
            greeting(&last) / greeting(&first),
        ],
        others: attached.others,
    };
    let wait = if kind.is_ours() && kind != Kind::Bare {
        WAIT
    } else {
        WAIT_PEERS
    };
    let (before, meter) = (cpu_time(pid), Meter::start(pid));
    thread::sleep(settings.either(wait, Duration::from_secs(1)));
    let used = (cpu_time(pid) - before).as_secs_f64();
    let idled = meter.stop();
    match crowd.disturbed() {
        0 => {}
        lost => return Err(format!("{lost} tails did not stay")),
    }
    let idle = Sample {
        figures: vec![
            (after.server - memory.server) / more,
            (after.kernel - memory.kernel) / more,
            idled.wakeups as f64 / idled.seconds,
            used * 100.0 / idled.seconds,
        ],
        others: idled.others,
    };
    Ok((attach, idle))
}

/// In bytes.
struct Memory {
    /// Resident, of the server.
    server: f64,
    /// What the kernel allocated, for whatever.
    kernel: f64,
}

impl Memory {
    fn of(pid: u32) -> Memory {
        let kernel = ["Slab", "KernelStack", "PageTables"].map(|key| field("/proc/meminfo", key));
        let bytes = |kibibytes: u64| kibibytes as f64 * 1024.0;
        Memory {
            server: bytes(field(&format!("/proc/{pid}/smaps_rollup"), "Rss")),
            kernel: bytes(kernel.iter().sum()),
        }
    }
}
