//! The benchmarks of the whole server: `cargo bench`; see README.md beside this file.
//!
//! One process is the load, one thread on one core with one epoll; the server is another process on another core. Each
//! topic starts its servers afresh, checks every byte that it receives, and prints medians.

mod appends;
mod askers;
mod bare;
mod bare_append;
mod clients;
mod crowd;
mod dialect;
mod fanout;
mod files;
mod idle;
mod intake;
mod latency;
mod machine;
mod meter;
mod peers;
mod probe;
mod producers;
mod publisher;
mod servers;
mod settings;
mod site;
mod start;
mod table;
mod workers;

use std::env;
use std::process::ExitCode;

use settings::{Settings, USAGE};
use table::Table;

type Topic = (&'static str, &'static str, fn(&Settings) -> Vec<Table>);

const TOPICS: [Topic; 13] = [
    ("fanout", "1 to 10,000 tails of one file", fanout::one_file),
    ("many", "1,000 files with a tail each", fanout::many_files),
    (
        "beside",
        "an append beside idle tails and files",
        fanout::beside,
    ),
    (
        "idle",
        "10,000 and 100,000 idle tails: attach, memory, CPU",
        idle::run,
    ),
    (
        "catchup",
        "1 GiB of backlog, tails and whole files",
        files::catch_up,
    ),
    (
        "files",
        "1 KiB and 1 MiB files on kept connections",
        files::requests,
    ),
    (
        "firstbyte",
        "an append while others download flat out",
        latency::first_byte,
    ),
    (
        "unrelated",
        "a small request beside 10,000 busy tails",
        latency::unrelated,
    ),
    (
        "appends",
        "records published over HTTP, without and with fsync; POST beside write(2)",
        appends::run,
    ),
    (
        "intake",
        "an append beside 10,000 tails and 100,000 datagrams a second",
        intake::run,
    ),
    (
        "clients",
        "openrange follow beside curl, a mirror of 1,000 topics",
        clients::run,
    ),
    ("workers", "two workers against one", workers::run),
    (
        "start",
        "size, memory, time to the first answer",
        start::run,
    ),
];

/// Wanted, for 100,000 connections and what servers want besides; less will do for less.
const DESCRIPTORS: u64 = 300_000;

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    if words.next_if_eq("bare").is_some() {
        bare::run(words);
    }
    if words.next_if_eq("bare-append").is_some() {
        bare_append::run(words);
    }
    let settings = match Settings::parse(words) {
        Ok(settings) => settings,
        Err(why) => {
            eprint!("{why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let wanted =
        |name: &str| settings.topics.is_empty() || settings.topics.iter().any(|t| t == name);
    let unknown = |name: &&String| TOPICS.iter().all(|(topic, ..)| topic != name);
    if let Some(name) = settings.topics.iter().find(unknown) {
        eprintln!("{name}: no such topic; --list names them");
        return ExitCode::from(2);
    }
    if settings.list {
        print!("{USAGE}");
        TOPICS
            .iter()
            .for_each(|(name, what, _)| println!("  {name:10} {what}"));
        return ExitCode::SUCCESS;
    }
    machine::raise_descriptors(DESCRIPTORS);
    machine::pin(&[settings.cores.load]);
    let mut failed = false;
    for (_, _, run) in TOPICS.iter().filter(|(name, ..)| wanted(name)) {
        for table in run(&settings) {
            print!("{}", table.markdown());
            failed |= table.failed();
        }
    }
    ExitCode::from(u8::from(failed))
}
