//! One patient client in a thread of its own that goes before the load: what it waits for is the server.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::dialect::{Decoder, Dialect, get};
use super::machine::{PATIENCE, go_first};
use super::producers::Answers;
use super::servers::Server;
use super::settings::Settings;
use super::site::{Site, content, record, topic};

/// Says so once if the probe cannot go first.
fn begin() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !go_first() && !SAID.swap(true, Ordering::Relaxed) {
        eprintln!("not permitted to go before the load: the latencies contain the load's own");
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn text(error: std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock => format!("nothing came for {PATIENCE:?}"),
        _ => error.to_string(),
    }
}

/// How a probe appends to topic 0.
pub enum Way {
    /// By write(2).
    File(File),
    /// By POST on a connection of its own.
    Post(TcpStream, Answers),
}

impl Way {
    /// # Errors
    /// It cannot connect.
    pub fn post(server: &Server) -> Result<Way, String> {
        let stream = open(server.address).map_err(text)?;
        Ok(Way::Post(stream, Answers::new(server.dialect)))
    }

    fn append(&mut self, dialect: Dialect, record: &[u8]) -> std::io::Result<()> {
        match self {
            Way::File(file) => file.write_all(record),
            Way::Post(stream, _) => {
                let mut request = Vec::new();
                dialect.publish(&topic(0), record, false, &mut request);
                stream.write_all(&request)
            }
        }
    }

    /// Reads the answer. Not part of what is measured.
    fn acknowledged(&mut self) -> Result<(), String> {
        let Way::Post(stream, answers) = self else {
            return Ok(());
        };
        let (before, mut buffer) = (answers.count, [0; 4096]);
        while answers.count == before {
            match stream.read(&mut buffer).map_err(text)? {
                0 => return Err("closed by the server".into()),
                count => answers.feed(&buffer[..count])?,
            }
        }
        Ok(())
    }
}

/// Appends records to topic 0, which is empty, one every `period`; µs until the first byte of each has come back.
pub fn appends(
    server: &Server,
    way: &mut Way,
    count: u64,
    period: Duration,
) -> Result<Vec<f64>, String> {
    begin();
    let mut stream = open(server.address).map_err(text)?;
    let mut decoder = Decoder::new(server.dialect, &topic(0));
    let request = server.dialect.subscribe(&topic(0), 0);
    stream.write_all(&request).map_err(text)?;
    let mut buffer = vec![0; 64 * 1024];
    if server.dialect == Dialect::Bare {
        super::machine::settle(server.pid());
    }
    while !decoder.greeted {
        let count = stream.read(&mut buffer).map_err(text)?;
        if count == 0 {
            return Err("closed by the server".into());
        }
        decoder.feed(&buffer[..count], |_| ())?;
    }
    let mut latencies = Vec::new();
    for number in 0..count {
        thread::sleep(period);
        let mut expected = Vec::new();
        record(number, 100, &mut expected);
        let begun = Instant::now();
        way.append(server.dialect, &expected).map_err(text)?;
        let mut received = Vec::new();
        let mut first = None;
        while received.len() < expected.len() {
            let count = stream.read(&mut buffer).map_err(text)?;
            if count == 0 {
                return Err("closed by the server".into());
            }
            decoder.feed(&buffer[..count], |payload| {
                received.extend_from_slice(payload)
            })?;
            if !received.is_empty() {
                first.get_or_insert_with(|| begun.elapsed());
            }
        }
        if received != expected {
            return Err(format!("wrong bytes in record {number}"));
        }
        way.acknowledged()?;
        latencies.push(first.unwrap_or_default().as_secs_f64() * 1e6);
    }
    Ok(latencies)
}

/// Appends records to topic 0 by write(2), as [`appends`], 100 a second, while something else makes load until it is told to
/// stop; what both came to.
pub fn appends_beside<T>(
    settings: &Settings,
    server: &Server,
    site: &Site,
    load: impl FnOnce(&AtomicBool) -> T,
) -> (Result<Vec<f64>, String>, T) {
    let stop = AtomicBool::new(false);
    let mut way = Way::File(site.appender("topic0"));
    thread::scope(|scope| {
        let probe = scope.spawn(|| {
            let count = settings.either(500, 50);
            let latencies = appends(server, &mut way, count, Duration::from_millis(10));
            stop.store(true, Ordering::Relaxed);
            latencies
        });
        let done = load(&stop);
        (probe.join().expect("no panic"), done)
    })
}

/// Asks for a small file every `period` on a connection that is kept, until it is told to stop; µs until each whole
/// answer.
pub fn requests(
    server: &Server,
    target: &str,
    length: u64,
    period: Duration,
    stop: &AtomicBool,
) -> Result<Vec<f64>, String> {
    begin();
    let mut stream = open(server.files).map_err(text)?;
    let mut decoder = Decoder::new(server.whole_files(), target);
    let mut buffer = vec![0; 64 * 1024];
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(period);
        let begun = Instant::now();
        stream.write_all(&get(target, "")).map_err(text)?;
        let (mut received, mut same) = (0, true);
        while received < length {
            let count = stream.read(&mut buffer).map_err(text)?;
            if count == 0 {
                return Err("closed by the server".into());
            }
            decoder.feed(&buffer[..count], |payload| {
                same &= content::is(received, payload);
                received += payload.len() as u64;
            })?;
        }
        if !same || received > length {
            return Err("wrong bytes".into());
        }
        latencies.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(latencies)
}
