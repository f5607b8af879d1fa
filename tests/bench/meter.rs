//! What a stretch of a run has cost: the server's CPU time, the load's, that of all others.

use std::fs;
use std::time::{Duration, Instant};

use super::machine::{cpu_time, own_cpu_time};

/// Counters at the beginning of a stretch.
pub struct Meter {
    pid: u32,
    start: Instant,
    server: Duration,
    load: Duration,
    machine: Duration,
    wakeups: u64,
}

/// What was used since then.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub seconds: f64,
    /// CPU seconds of the server.
    pub server: f64,
    /// CPU seconds of this process.
    pub load: f64,
    /// Percent of one core that everything else used.
    pub others: f64,
    /// How often threads of the server began to wait.
    pub wakeups: u64,
}

impl Meter {
    pub fn start(pid: u32) -> Meter {
        Meter {
            pid,
            machine: machine_busy(),
            wakeups: wakeups(pid),
            server: cpu_time(pid),
            load: own_cpu_time(),
            start: Instant::now(),
        }
    }

    pub fn stop(self) -> Spent {
        let seconds = self.start.elapsed().as_secs_f64();
        let server = (cpu_time(self.pid) - self.server).as_secs_f64();
        let load = (own_cpu_time() - self.load).as_secs_f64();
        let busy = machine_busy().saturating_sub(self.machine).as_secs_f64();
        Spent {
            seconds,
            server,
            load,
            others: (busy - server - load).max(0.0) * 100.0 / seconds,
            wakeups: wakeups(self.pid) - self.wakeups,
        }
    }
}

/// Time that all cores have spent on anything, in steps of 10 ms (proc_stat(5)).
fn machine_busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq
    let ticks: u64 = [0, 1, 2, 5, 6].iter().filter_map(|&i| numbers.get(i)).sum();
    Duration::from_millis(10 * ticks)
}

/// Of all threads of a process.
fn wakeups(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| task.path().join("status"))
        .map(|path| super::machine::field(&path.to_string_lossy(), "voluntary_ctxt_switches"))
        .sum()
}

/// CPU time of each thread of a process (proc_pid_schedstat(5)).
pub fn cpu_of_threads(pid: u32) -> Vec<Duration> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("schedstat")).unwrap_or_default())
        .map(|text| {
            let first = text.split_whitespace().next();
            first.and_then(|word| word.parse().ok()).unwrap_or(0)
        })
        .map(Duration::from_nanos)
        .collect()
}

/// The value below which this share of the numbers lies.
pub fn quantile(numbers: &mut [f64], share: f64) -> f64 {
    if numbers.is_empty() {
        return f64::NAN;
    }
    numbers.sort_unstable_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (numbers.len() as f64 * share).ceil() as usize;
    numbers[index.clamp(1, numbers.len()) - 1]
}

/// The middle one, or the mean of the two middle ones.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}
