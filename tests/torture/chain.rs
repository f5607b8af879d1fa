//! A chain, of which everything is killed at random: a server; a mirror of it, which another server serves; a mirror of
//! that, which is served too; followers of both ends and readers of event streams, which come again. Meanwhile somebody
//! writes logs and rolls them as logrotate does, with lines that come late.
//!
//! In the end the mirrors are equal to the origin, and every reader has every record of every generation: once, but for
//! what a follower that was killed may repeat.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::content::Rng;
use crate::records::{Received, record};
use crate::support::harness::{Server, TempDir, append, openrange, until};

/// Nothing may take longer once nothing is killed any more.
const BOUND: Duration = Duration::from_secs(60);
const LOGS: usize = 3;

fn name(log: usize) -> String {
    format!("log{log}")
}

/// A server, a mirror or a follower.
struct Program {
    command: Box<dyn Fn() -> Command + Send>,
    child: Option<Child>,
    /// Where its stdout goes; that of a follower is what it hands over.
    out: PathBuf,
    stderr: PathBuf,
    /// The length of that when it was started last.
    began: usize,
    /// The length of that when it was killed.
    hard: Vec<usize>,
}

impl Program {
    fn new(home: &Path, number: usize, command: impl Fn() -> Command + Send + 'static) -> Program {
        let mut program = Program {
            command: Box::new(command),
            child: None,
            out: home.join(format!("out{number}")),
            stderr: home.join(format!("err{number}")),
            began: 0,
            hard: Vec::new(),
        };
        program.start();
        program
    }

    fn start(&mut self) {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            Stdio::from(file.expect("a file"))
        };
        let mut command = (self.command)();
        command.stdin(Stdio::null());
        command.stdout(open(&self.out)).stderr(open(&self.stderr));
        self.began = fs::metadata(&self.out).expect("its output").len() as usize;
        self.child = Some(command.spawn().expect("the program starts"));
    }

    /// Ends it, politely or not.
    fn stop(&mut self, hard: bool) -> Result<(), String> {
        let mut child = self.child.take().expect("it runs");
        if let Some(status) = child.try_wait().expect("wait") {
            return Err(format!("it ended by itself: {status}"));
        }
        if hard {
            child.kill().expect("kill");
        } else {
            kill_process(Pid::from_child(&child), Signal::TERM).expect("kill");
        }
        let status = child.wait().expect("wait");
        let length = fs::metadata(&self.out).expect("its output").len() as usize;
        // The signal may come before the program has begun.
        let idle = status.signal() == Some(Signal::TERM.as_raw()) && length == self.began;
        if hard {
            self.hard.push(length);
        } else if !status.success() && !idle {
            return Err(format!("after SIGTERM: {status}"));
        }
        Ok(())
    }

    fn complaint(&self, why: &str) -> String {
        let said = fs::read_to_string(&self.stderr).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        format!(
            "{:?}: {why}; it said, last first: {last:#?}",
            (self.command)()
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Writes the logs and rolls them.
struct Writer<'a> {
    dir: &'a Path,
    rng: Rng,
    /// How many records each generation has, by log.
    written: Vec<Vec<usize>>,
}

impl Writer<'_> {
    fn write(&mut self, log: usize, generation: usize, path: &Path) {
        let number = self.written[log][generation];
        append(path, record(log, generation, number).as_bytes());
        self.written[log][generation] += 1;
    }

    /// The first record of each.
    fn begin(&mut self) {
        for log in 0..LOGS {
            self.written.push(vec![0]);
            self.write(log, 0, &self.dir.join(name(log)));
        }
    }

    fn run(mut self, time: Duration) -> Vec<Vec<usize>> {
        let start = Instant::now();
        while start.elapsed() < time {
            let log = self.rng.below(LOGS as u64) as usize;
            let generation = self.written[log].len() - 1;
            for _ in 0..self.rng.below(8) {
                self.write(log, generation, &self.dir.join(name(log)));
            }
            if self.rng.one_in(60) {
                self.roll(log);
            }
            thread::sleep(Duration::from_micros(self.rng.below(4000)));
        }
        self.written
    }

    /// As logrotate: the oldest first. Its writer opens the new file a moment later.
    fn roll(&mut self, log: usize) {
        let at = |number: usize| match number {
            0 => self.dir.join(name(log)),
            number => self.dir.join(format!("{}.{number}", name(log))),
        };
        let generation = self.written[log].len() - 1;
        let paths: Vec<PathBuf> = (0..=generation + 1).map(at).collect();
        for number in (0..=generation).rev() {
            fs::rename(&paths[number], &paths[number + 1]).expect("a roll");
        }
        for _ in 0..self.rng.below(3) {
            self.write(log, generation, &paths[1]);
        }
        self.written[log].push(0);
        self.write(log, generation + 1, &paths[0]);
        for _ in 0..self.rng.below(3) {
            self.write(log, generation, &paths[1]);
        }
    }
}

/// Reads the events of a log, and comes again with the id of the last one whenever the stream breaks.
fn read_events(
    port: u16,
    log: usize,
    received: &Mutex<Received>,
    stop: &AtomicBool,
) -> Result<(), String> {
    let (mut id, mut parts) = (String::new(), Vec::new());
    while !stop.load(SeqCst) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let since = if id.is_empty() {
            String::new()
        } else {
            format!("Last-Event-ID: {id}\r\n")
        };
        // So that no chunks come between.
        let request = format!(
            "GET /{} HTTP/1.0\r\nAccept: text/event-stream\r\n{since}\r\n",
            name(log)
        );
        let timeout = stream.set_read_timeout(Some(Duration::from_millis(200)));
        timeout.expect("a timeout");
        if stream.write_all(request.as_bytes()).is_err() {
            continue;
        }
        let mut lines = BufReader::new(stream);
        let (mut line, mut event) = (Vec::new(), Event::default());
        while !stop.load(SeqCst) {
            match lines.read_until(b'\n', &mut line) {
                Ok(_) if line.ends_with(b"\n") => {
                    let text = String::from_utf8(std::mem::take(&mut line));
                    let text = text.map_err(|why| why.to_string())?;
                    event.take(text.trim_end(), &mut id, &mut parts, received)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
    }
    Ok(())
}

/// An event, as far as it was read.
#[derive(Default)]
struct Event {
    id: Option<String>,
    kind: String,
    data: Option<String>,
}

impl Event {
    /// Takes a line. `parts`: beginnings of lines whose ends are to come.
    fn take(
        &mut self,
        line: &str,
        id: &mut String,
        parts: &mut Vec<String>,
        received: &Mutex<Received>,
    ) -> Result<(), String> {
        match line.split_once(": ") {
            Some(("id", value)) => self.id = Some(value.into()),
            Some(("event", value)) => self.kind = value.into(),
            Some(("data", value)) => self.data = Some(value.into()),
            _ if line.is_empty() => {
                let event = std::mem::take(self);
                if event
                    .data
                    .as_ref()
                    .is_some_and(|data| data.contains("\"gap\":true"))
                {
                    return Err(format!("a gap, behind {id}"));
                }
                let mut received = received.lock().expect("nobody panics with it");
                let line = match (&*event.kind, event.data) {
                    ("", Some(data)) => Some(joined(data, parts, &received)),
                    // A file was rolled while its last line was only half there.
                    ("part", Some(data)) => {
                        parts.push(data);
                        None
                    }
                    _ => None,
                };
                if let Some(line) = line {
                    let taken = received.take(&line, false);
                    taken.map_err(|why| format!("{why}, behind {id}"))?;
                }
                *id = event.id.unwrap_or(std::mem::take(id));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A line; if it is only the end of one, with the part that it belongs to.
fn joined(data: String, parts: &mut Vec<String>, received: &Received) -> String {
    let whole = |part: &String| received.is_record(&format!("{part}{data}"));
    match parts.iter().position(whole) {
        Some(index) if !received.is_record(&data) => parts.remove(index) + &data,
        _ => data,
    }
}

/// Names and contents of the visible files.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    let named = entries.map(|entry| (entry.file_name().into_string().expect("a name"), entry));
    let visible = named.filter(|(name, _)| !name.starts_with('.'));
    let mut files: Vec<_> = visible
        .map(|(name, entry)| (name, fs::read(entry.path()).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

/// A free port below those that the kernel gives to clients: while its server is down, nobody else may get it.
fn port_of(rng: &mut Rng, dir: &Path) -> u16 {
    until("a free port", || {
        let port = 20_000 + rng.below(12_000) as u16;
        Server::try_launch(server(port, dir)).ok().map(|_| port)
    })
}

fn server(port: u16, dir: &Path) -> Command {
    let mut command = openrange(&["--tags", "xattr", "--listen", &format!("127.0.0.1:{port}")]);
    command.arg(dir);
    command
}

fn mirror(port: u16, dir: &Path) -> Command {
    let mut command = openrange(&["mirror", &format!("http://127.0.0.1:{port}/")]);
    command.arg(dir);
    command
}

fn follower(port: u16, log: usize, state: &Path) -> Command {
    let mut command = openrange(&["follow", "--state"]);
    command.arg(state);
    command.arg(format!("http://127.0.0.1:{port}/{}", name(log)));
    command
}

/// Kills one after the other and starts it again.
fn disturb(programs: &mut [Program], rng: &mut Rng, time: Duration) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < time {
        thread::sleep(Duration::from_millis(20 + rng.below(300)));
        let index = rng.below(programs.len() as u64) as usize;
        let program = &mut programs[index];
        let stopped = program.stop(rng.one_in(2));
        stopped.map_err(|why| program.complaint(&why))?;
        thread::sleep(Duration::from_millis(rng.below(150)));
        program.start();
    }
    Ok(())
}

#[test]
fn nothing_is_lost_along_a_chain() {
    let (seed, seconds) = crate::seed_and_seconds();
    crate::say(&format!("chain: seed {seed}, {seconds} seconds"));
    let mut rng = Rng::new(seed, 7);
    let home = TempDir::new();
    let dirs = ["a", "b", "c"].map(|name| home.join(name));
    dirs.iter()
        .for_each(|dir| fs::create_dir(dir).expect("a directory"));
    let ports = [0, 1, 2].map(|index| port_of(&mut rng, &dirs[index]));
    let followed = [(ports[0], 0), (ports[2], 0), (ports[0], 1), (ports[2], 2)];

    let mut commands: Vec<Box<dyn Fn() -> Command + Send>> = Vec::new();
    for (port, dir) in ports.into_iter().zip(dirs.clone()) {
        commands.push(Box::new(move || server(port, &dir)));
    }
    for (port, dir) in ports.into_iter().zip(dirs[1..].to_vec()) {
        commands.push(Box::new(move || mirror(port, &dir)));
    }
    for (index, (port, log)) in followed.into_iter().enumerate() {
        let state = home.join(format!("state{index}"));
        commands.push(Box::new(move || follower(port, log, &state)));
    }
    let start = |(number, command)| Program::new(home.path(), number, command);
    let mut programs: Vec<Program> = commands.into_iter().enumerate().map(start).collect();

    let time = Duration::from_secs(seconds);
    let mut writer = Writer {
        dir: &dirs[0],
        rng: Rng::new(seed, 8),
        written: Vec::new(),
    };
    writer.begin();
    let streams = [(ports[0], 2), (ports[2], 1)];
    let received_by = streams.map(|(_, log)| Mutex::new(Received::new(log)));
    let stop = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let readers: Vec<_> = streams
            .iter()
            .zip(&received_by)
            .map(|(&(port, log), received)| {
                let stop = &stop;
                scope.spawn(move || read_events(port, log, received, stop))
            })
            .collect();
        // Whoever begins later may not get the first generation.
        until("everybody to have the first records", || {
            let received = |received: &Mutex<Received>, log: usize| {
                let received = received.lock().expect("nobody panics with it");
                received.has(&writer.written[log])
            };
            let mut events = streams.iter().zip(&received_by);
            let all = missing(&programs, &dirs, &followed, &writer.written).is_empty()
                && events.all(|((_, log), by)| received(by, *log));
            all.then_some(())
        });
        let writing = scope.spawn(move || writer.run(time));
        let mut result = disturb(&mut programs, &mut rng, time);
        let written = writing.join().expect("the writer");
        let mut end = Instant::now() + BOUND;
        let mut wrong = vec!["not tried".to_string()];
        while result.is_ok() && !wrong.is_empty() {
            let before = std::mem::take(&mut wrong);
            wrong = missing(&programs, &dirs, &followed, &written);
            for ((_, log), received) in streams.iter().zip(&received_by) {
                let received = received.lock().expect("nobody panics with it");
                if !received.has(&written[*log]) {
                    wrong.push(format!("events: {received:?} of {:?}", written[*log]));
                }
            }
            // Of much that was written much may be left.
            if wrong != before {
                end = Instant::now() + BOUND;
            }
            if readers.iter().any(|reader| reader.is_finished()) || Instant::now() > end {
                result = Err(wrong.join("\n"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, SeqCst);
        for reader in readers {
            let read = reader.join().expect("a reader");
            result = read.and(result);
        }
        let generations: Vec<usize> = written.iter().map(Vec::len).collect();
        result.map(|()| generations)
    });
    let generations = result.unwrap_or_else(|why| {
        let said: Vec<String> = programs
            .iter()
            .map(|program| program.complaint(""))
            .collect();
        // For whoever looks.
        std::mem::forget(home);
        panic!("OPENRANGE_TORTURE_SEED={seed}\n{why}\n{}", said.join("\n"))
    });
    crate::say(&format!("chain: seed {seed}: {generations:?} generations"));
}

/// What somebody has not got yet, or not as it was written.
fn missing(
    programs: &[Program],
    dirs: &[PathBuf],
    followed: &[(u16, usize)],
    written: &[Vec<usize>],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let origin = files(&dirs[0]);
    for dir in &dirs[1..] {
        let copy = files(dir);
        let differs = origin.iter().find(|file| !copy.contains(file));
        let differs = differs.or_else(|| copy.iter().find(|file| !origin.contains(file)));
        wrong.extend(differs.map(|file| format!("{} differs in {}", file.0, dir.display())));
    }
    let followers = &programs[programs.len() - followed.len()..];
    for (program, &(_, log)) in followers.iter().zip(followed) {
        let text = fs::read_to_string(&program.out).expect("its output");
        let mut received = Received::new(log);
        match received.take_all(&text, &program.hard) {
            Err(why) => wrong.push(program.complaint(&why)),
            Ok(()) if !received.has(&written[log]) => {
                wrong.push(format!("{received:?} of {:?}", written[log]));
            }
            Ok(()) => {}
        }
    }
    wrong
}
