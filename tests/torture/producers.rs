//! Producers over HTTP beside local ones, on a server that is killed (SIGKILL) and started again all the time, while its
//! logs are rolled over HTTP too.
//!
//! In the end every record that was acknowledged is there once and as a whole; one whose response was lost is there once or
//! not at all, and a PATCH, which is repeated until it is answered, is there once.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::content::Rng;
use crate::support::client::{Client, Response, request};
use crate::support::harness::{self, TempDir, openrange};

/// Of a client that waits for a server that was killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of the records, by their text.
#[derive(Default)]
struct Sent(Mutex<HashMap<String, bool>>);

impl Sent {
    fn note(&self, record: String, acknowledged: bool) {
        let mut sent = self.0.lock().expect("no panic");
        assert_eq!(sent.insert(record, acknowledged), None, "each record once");
    }
}

/// One producer: a connection that comes again whenever it breaks.
struct Producer<'a> {
    address: &'a str,
    client: Option<Client>,
}

impl Producer<'_> {
    /// The response; `None`: it was lost, or there is no server.
    fn ask(&mut self, method: &str, target: &str, fields: &[&str], body: &str) -> Option<Response> {
        if self.client.is_none() {
            self.client = Client::try_to(self.address).ok();
        }
        let response = self.client.as_mut().and_then(|client| {
            client.set_patience(PATIENCE);
            let length = format!("Content-Length: {}", body.len());
            let head = request(method, target, &[fields, &[length.as_str()]].concat());
            client.try_send(head + body).ok()?;
            client.try_response().ok()
        });
        if response.is_none() {
            self.client = None;
            thread::sleep(Duration::from_millis(2));
        }
        response
    }
}

/// A line that nobody else writes, of up to some pages.
fn record(kind: &str, producer: usize, number: u64, rng: &mut Rng) -> String {
    let filler = "x".repeat(rng.magnitude(13) as usize);
    format!("{kind}{producer}-{number}-{filler}\n")
}

/// Appends by POST and never repeats.
fn post(log: &str, number: usize, address: &str, sent: &Sent, stop: &AtomicBool, mut rng: Rng) {
    let mut producer = Producer {
        address,
        client: None,
    };
    for count in 0.. {
        if stop.load(SeqCst) {
            return;
        }
        let record = record("post", number, count, &mut rng);
        let fields: &[&str] = if rng.one_in(5) {
            &["Prefer: fsync"]
        } else {
            &[]
        };
        let response = producer.ask("POST", log, fields, &record);
        let status = response.map(|response| response.status);
        assert!(matches!(status, None | Some(201 | 204 | 503)), "{status:?}");
        sent.note(record, matches!(status, Some(201 | 204)));
    }
}

/// Appends by PATCH and repeats each until it is answered.
fn patch(log: &str, number: usize, address: &str, sent: &Sent, stop: &AtomicBool, mut rng: Rng) {
    let mut producer = Producer {
        address,
        client: None,
    };
    let mut offset = 0;
    for count in 0.. {
        let record = record("patch", number, count, &mut rng);
        loop {
            let at = format!("Upload-Offset: {offset}");
            let media = "Content-Type: application/partial-upload";
            let fields = [media, &at, "Upload-Complete: ?0"];
            let response = producer.ask("PATCH", log, &fields, &record);
            if let Some(response) = response {
                assert!(
                    matches!(response.status, 201 | 204 | 409 | 503),
                    "{response:?}"
                );
                if response.status != 503 {
                    offset = response.field("Upload-Offset").parse().expect("a length");
                }
                if response.status < 300 {
                    break sent.note(record, true);
                }
            } else if stop.load(SeqCst) {
                return sent.note(record, false);
            }
        }
        if stop.load(SeqCst) {
            return;
        }
    }
}

/// Held by local producers while they write, and alone while there is no server: what a kill has cut can be completed only
/// as long as nobody has written behind it.
static SERVED: RwLock<()> = RwLock::new(());

/// Appends with write(2), under the lock that the server takes too if `locks`.
fn append(log: &Path, locks: bool, sent: &Sent, stop: &AtomicBool, mut rng: Rng) {
    for count in 0.. {
        if stop.load(SeqCst) {
            return;
        }
        let record = record("local", usize::from(locks), count, &mut rng);
        let file = File::options()
            .append(true)
            .create(true)
            .open(log)
            .expect("a log");
        let _served = SERVED.read().expect("no panic");
        if locks {
            rustix::fs::flock(&file, FlockOperation::LockExclusive).expect("a lock");
        }
        let written = rustix::io::write(&file, record.as_bytes()).expect("space");
        assert_eq!(written, record.len());
        sent.note(record, true);
        thread::sleep(Duration::from_micros(rng.below(2000)));
    }
}

/// Rolls a log by MOVE.
fn roll(log: &str, address: &str, stop: &AtomicBool) {
    let mut producer = Producer {
        address,
        client: None,
    };
    for count in 1.. {
        thread::sleep(Duration::from_millis(60));
        if stop.load(SeqCst) {
            return;
        }
        let destination = format!("Destination: {log}.{count}");
        let response = producer.ask("MOVE", log, &[&destination, "Overwrite: F"], "");
        let status = response.map(|response| response.status);
        assert!(matches!(status, None | Some(201 | 404 | 503)), "{status:?}");
    }
}

/// Replaces a file by PUT; gives the last version that was acknowledged.
fn replace(name: &str, address: &str, stop: &AtomicBool) -> u64 {
    let mut producer = Producer {
        address,
        client: None,
    };
    let mut last = 0;
    for version in 1.. {
        if stop.load(SeqCst) {
            break;
        }
        let response = producer.ask("PUT", name, &[], &content(version));
        if response.is_some_and(|response| response.status < 300) {
            last = version;
        }
    }
    last
}

fn content(version: u64) -> String {
    format!("{version} ").repeat(40_000)
}

fn start(dir: &TempDir, address: &str) -> harness::Server {
    let mut command = openrange(&["--threads", "2", "--write", "/in", "--listen", address]);
    command.arg(dir.join("root")).env("RUST_LOG", "warn");
    harness::Server::launch(command)
}

#[test]
fn every_acknowledged_record_is_there_once() {
    let (seed, seconds) = crate::seed_and_seconds();
    crate::say(&format!("producers: seed {seed}, {seconds} seconds"));
    let dir = TempDir::new();
    dir.mkdir("root/in");
    let place = dir.join("root/in");
    let address = format!("unix:{}", dir.join("socket").display());
    let (stop, sent) = (AtomicBool::new(false), [(); 2].map(|()| Sent::default()));
    let (address, stop, [locked, free]) = (&*address, &stop, &sent);
    let rng = |stream| Rng::new(seed, stream);
    let mut kills = 0;
    let version = thread::scope(|scope| {
        for number in 0..3 {
            let random = [rng(number), rng(10 + number), rng(20 + number)];
            let [one, two, three] = random;
            let number = number as usize;
            scope.spawn(move || post("/in/locked", number, address, locked, stop, one));
            scope.spawn(move || patch("/in/locked", number, address, locked, stop, two));
            scope.spawn(move || post("/in/free", number, address, free, stop, three));
        }
        // Offsets count only for writers that take the lock, and only where nobody rolls.
        let log = place.join("locked");
        scope.spawn(move || append(&log, true, locked, stop, rng(30)));
        let log = place.join("free");
        scope.spawn(move || append(&log, false, free, stop, rng(31)));
        scope.spawn(move || roll("/in/free", address, stop));
        let version = scope.spawn(move || replace("/in/whole", address, stop));
        let (begin, mut random) = (Instant::now(), rng(40));
        let mut server = start(&dir, address);
        while begin.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(Duration::from_millis(20 + random.below(300)));
            let _alone = SERVED.write().expect("no panic");
            server.running.kill();
            kills += 1;
            server = start(&dir, address);
        }
        // The last one answers whoever still waits.
        stop.store(true, SeqCst);
        version.join().expect("no panic")
    });
    // A kill leaves notes of the last records beside them; a server that starts reads and removes them.
    let mut server = start(&dir, address);
    server.running.signal(Signal::TERM);
    assert!(server.running.wait().success());
    let files = fs::read_dir(&place).expect("a directory").flatten();
    let mut texts: HashMap<String, String> = HashMap::new();
    for file in files {
        let name = file.file_name().into_string().expect("text");
        let text = fs::read_to_string(file.path()).expect("text");
        let log = name.split('.').next().expect("a name").to_owned();
        texts.entry(log).or_default().push_str(&text);
    }
    let whole = texts.remove("whole").expect("a file");
    let found: u64 = whole
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a version");
    assert!(
        found >= version && whole == content(found),
        "{found} after {version}"
    );
    for (name, sent) in [("locked", locked), ("free", free)] {
        check(&texts[name], sent);
    }
    let count = texts
        .values()
        .map(|text| text.lines().count())
        .sum::<usize>();
    crate::say(&format!(
        "producers: {kills} kills, {count} records, {found} versions"
    ));
    texts.retain(|name, _| !matches!(&**name, "locked" | "free"));
    assert!(texts.is_empty(), "left: {:?}", texts.keys());
}

/// The lines of a log against what became of its records.
fn check(text: &str, sent: &Sent) {
    let mut found: HashMap<&str, usize> = HashMap::new();
    for line in text.split_inclusive('\n') {
        *found.entry(line).or_default() += 1;
    }
    for (record, acknowledged) in &*sent.0.lock().expect("no panic") {
        let count = found.remove(&**record).unwrap_or(0);
        let begin = &record[..record.len().min(40)];
        assert!(count <= 1, "{begin}: {count} times");
        assert!(count == 1 || !acknowledged, "{begin}: lost");
    }
    assert!(found.is_empty(), "nobody wrote {:?}", found.keys().next());
}
