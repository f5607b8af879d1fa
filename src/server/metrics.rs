//! What `/metrics` reports: a row for each family. A new metric is a new row.

use std::sync::atomic::Ordering;

use super::descriptors;
use super::exposition::{head, sample};
use super::peers;
use super::process::Process;
use super::reload::LAST;
use crate::http::head::Status;
use crate::log::stderr;
use crate::store::remote::COUNTS;
use crate::subscription::end::End;
use crate::worker::durations::{BOUNDS, Durations};
use crate::worker::inspect::{Report, STATES};
use crate::worker::shared::Shared;

/// What stays the same while the server runs.
pub struct Facts {
    /// This process.
    pub process: Process,
    /// The addresses of the listeners, in the order in which workers count them.
    pub listeners: Vec<String>,
}

/// What a row looks at.
struct Now<'a> {
    facts: &'a Facts,
    shared: &'a Shared,
    report: &'a Report,
}

/// The samples of a family: the value of the label, and that of the sample.
type Samples = Vec<(String, u64)>;

/// A family of metrics.
struct Row {
    /// The whole name. Metrics that every process has get the names that Prometheus defines.
    name: &'static str,
    kind: &'static str,
    /// Empty: there is one sample without a label.
    label: &'static str,
    help: &'static str,
    /// None: the value is not known, and the metric is left out.
    samples: fn(&Now) -> Samples,
}

const fn row(
    name: &'static str,
    kind: &'static str,
    label: &'static str,
    help: &'static str,
    samples: fn(&Now) -> Samples,
) -> Row {
    Row {
        name,
        kind,
        label,
        help,
        samples,
    }
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

const ROWS: &[Row] = &[
    row(
        "openrange_build_info",
        GAUGE,
        "version",
        "The version that runs; the value is always 1.",
        |_| vec![(env!("CARGO_PKG_VERSION").into(), 1)],
    ),
    row(
        "process_start_time_seconds",
        GAUGE,
        "",
        "When the server started, in seconds since 1970.",
        |now| one(now.facts.process.started()),
    ),
    row(
        "process_resident_memory_bytes",
        GAUGE,
        "",
        "Resident memory of the process, including mapped files.",
        |now| known(now.facts.process.resident()),
    ),
    row(
        "process_open_fds",
        GAUGE,
        "",
        "Open descriptors: each connection has one, and each file that is being read or followed has one.",
        |now| known(now.facts.process.open_descriptors()),
    ),
    row(
        "process_max_fds",
        GAUGE,
        "",
        "Limit of open descriptors (RLIMIT_NOFILE). When they run out, accepting pauses and files are answered with 503.",
        |_| one(descriptors::limit()),
    ),
    row(
        "openrange_connections",
        GAUGE,
        "state",
        "Connections now. reading: a request comes, or the client is idle; sending: a response that ends; tail-sending: a \
         tail or event stream that is behind; tailing: one that has everything; closing: the client has to close; waiting: \
         a request waits for a name (Prefer: wait).",
        |now| labelled(STATES.into_iter().zip(now.report.states)),
    ),
    row(
        "openrange_connections_limit",
        GAUGE,
        "",
        "The most connections at the same time (--max-connections); further ones get 503.",
        |now| one(now.shared.max_connections as u64),
    ),
    row(
        "openrange_tails",
        GAUGE,
        "",
        "Responses to open-ended ranges now, without event streams.",
        |now| {
            let subscriptions = now.report.states[2] + now.report.states[3];
            one(subscriptions.saturating_sub(now.report.event_streams))
        },
    ),
    row(
        "openrange_event_streams",
        GAUGE,
        "",
        "Event streams now.",
        |now| one(now.report.event_streams),
    ),
    row(
        "openrange_followed_files",
        GAUGE,
        "by",
        "Files and directories that tails and event streams follow now. inotify: the kernel reports changes; clock: the \
         server looks at intervals, because the kernel does not report all of them or a limit of inotify is reached.",
        |now| {
            let (polled, files) = (now.report.polled_files, now.report.files);
            labelled([("inotify", files - polled), ("clock", polled)])
        },
    ),
    row(
        "openrange_slowest_tail_lag_bytes",
        GAUGE,
        "",
        "How many bytes the slowest tail or event stream is behind the end of its file.",
        |now| one(now.report.lag),
    ),
    row(
        "openrange_connections_accepted_total",
        COUNTER,
        "",
        "Connections since the start, including those above a limit.",
        |now| one(now.report.counters.accepted),
    ),
    row(
        "openrange_connections_refused_total",
        COUNTER,
        "",
        "Connections above --max-connections or --max-connections-per-address, answered with 503.",
        |now| one(now.report.counters.refused),
    ),
    row(
        "openrange_accept_errors_total",
        COUNTER,
        "listener",
        "Failures of accept(2): descriptors or memory ran out, or the client was gone already.",
        |now| {
            let listeners = now.facts.listeners.iter().cloned();
            let errors = now.report.counters.accept_errors.iter().copied();
            listeners.zip(errors.chain(std::iter::repeat(0))).collect()
        },
    ),
    row(
        "openrange_sent_bytes_total",
        COUNTER,
        "",
        "Bytes given to sockets, including heads and the framing of chunks.",
        |now| one(now.report.counters.sent),
    ),
    row(
        "openrange_inotify_overflows_total",
        COUNTER,
        "",
        "Times that the kernel lost events (fs.inotify.max_queued_events); the server then looks at every followed file.",
        |now| one(now.report.counters.overflows),
    ),
    row(
        "openrange_tail_ends_total",
        COUNTER,
        "reason",
        "Tails and event streams that have ended. renamed, unlinked, replaced, sealed, shutdown: the client learns of the \
         end; left: the client closed; all others: the server has cut them.",
        |now| {
            labelled(
                End::ALL
                    .map(End::label)
                    .into_iter()
                    .zip(now.report.counters.ends),
            )
        },
    ),
    row(
        "openrange_responses_total",
        COUNTER,
        "status",
        "Responses by status code, counted when they begin.",
        |now| {
            let codes = Status::ALL.map(|status| status.code().to_string());
            codes.into_iter().zip(now.report.counters.answers).collect()
        },
    ),
    row(
        "openrange_log_lines_lost_total",
        COUNTER,
        "log",
        "Lines that stderr or the access log did not take in time.",
        |now| {
            let access = now.shared.access_log.as_ref();
            let access = access.map(|log| ("access", log.lost_in_all()));
            labelled(
                [("stderr", stderr::lost_in_all())]
                    .into_iter()
                    .chain(access),
            )
        },
    ),
    row(
        "openrange_last_reload_timestamp_seconds",
        GAUGE,
        "",
        "When the server last read its files again (SIGHUP), in seconds since 1970; 0: never.",
        |_| one(LAST.at.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_last_reload_successful",
        GAUGE,
        "",
        "1 if that worked, or nobody has asked for it; 0 if the server keeps something from before, see the log.",
        |_| one(u64::from(!LAST.failed.load(Ordering::Relaxed))),
    ),
    row(
        "openrange_peer_hints_sent_total",
        COUNTER,
        "",
        "Hints that the server has sent to other servers.",
        |_| one(peers::COUNTS.sent.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_peer_hints_received_total",
        COUNTER,
        "",
        "Hints that the server has received from other servers.",
        |_| one(peers::COUNTS.received.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_peer_hints_refused_total",
        COUNTER,
        "",
        "Hints that the server has received and ignored.",
        |_| one(peers::COUNTS.refused.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_remote_looks_total",
        COUNTER,
        "",
        "Checks of files that other machines may change.",
        |_| one(COUNTS.looks.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_remote_second_looks_total",
        COUNTER,
        "",
        "Repeated checks of a file that other machines may change and that seemed to have become shorter.",
        |_| one(COUNTS.second_looks.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_stale_files_total",
        COUNTER,
        "",
        "Files whose bytes are gone because another machine removed them (ESTALE).",
        |_| one(COUNTS.stale.load(Ordering::Relaxed)),
    ),
    row(
        "openrange_late_ends_total",
        COUNTER,
        "",
        "Ends of tails that the server has delayed for --settle.",
        |_| one(COUNTS.late_ends.load(Ordering::Relaxed)),
    ),
];

/// The text format of Prometheus, version 0.0.4.
#[must_use]
pub fn text(facts: &Facts, shared: &Shared, report: &Report) -> String {
    let now = Now {
        facts,
        shared,
        report,
    };
    let mut out = String::new();
    for row in ROWS {
        let samples = (row.samples)(&now);
        if samples.is_empty() {
            continue;
        }
        head(&mut out, row.name, row.kind, row.help);
        for (of, value) in samples {
            sample(&mut out, row.name, row.label, &of, &value);
        }
    }
    write_durations(&mut out, &report.counters.durations);
    out
}

fn one(value: u64) -> Samples {
    known(Some(value))
}

fn known(value: Option<u64>) -> Samples {
    value
        .map(|value| (String::new(), value))
        .into_iter()
        .collect()
}

fn labelled(values: impl IntoIterator<Item = (&'static str, u64)>) -> Samples {
    let values = values.into_iter();
    values.map(|(of, value)| (of.into(), value)).collect()
}

/// A histogram has three families of samples.
fn write_durations(out: &mut String, durations: &Durations) {
    const NAME: &str = "openrange_request_duration_seconds";
    let help = "From the complete head of a request to the first byte of its response. A request that waits (Prefer: wait, \
                a job, the body of a write) takes as long as it waits.";
    head(out, NAME, "histogram", help);
    let (bucket, mut sum) = (format!("{NAME}_bucket"), 0);
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound));
    let bounds = bounds.chain(["+Inf".into()]);
    for (bound, count) in bounds.zip(durations.counts) {
        sum += count;
        sample(out, &bucket, "le", &bound, &sum);
    }
    sample(out, &format!("{NAME}_sum"), "", "", &seconds(durations.sum));
    sample(out, &format!("{NAME}_count"), "", "", &sum);
}

/// Seconds with a fraction, without floating point: its formatter is large.
fn seconds(duration: std::time::Duration) -> String {
    let text = format!("{}.{:06}", duration.as_secs(), duration.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').into()
}
