//! The real binary in a fresh directory: started, listened to, signalled, and always killed.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, setrlimit};

/// Bound of every wait. Nothing here takes that long; it only turns a hang into a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that is removed with everything in it.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("openrange-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a fresh directory");
        TempDir(path)
    }

    /// With one file in it.
    pub fn with(name: &str, contents: impl AsRef<[u8]>) -> TempDir {
        let dir = TempDir::new();
        dir.write(name, contents);
        dir
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.join(name), contents).expect("write");
    }

    /// One write(2).
    pub fn append(&self, name: &str, contents: impl AsRef<[u8]>) {
        let mut file = self.open(name);
        let count = file.write(contents.as_ref()).expect("append");
        assert_eq!(count, contents.as_ref().len(), "a regular file takes all");
    }

    /// To a file that is not there yet.
    pub fn append_new(&self, name: &str, contents: impl AsRef<[u8]>) {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(self.join(name));
        file.and_then(|mut file| file.write_all(contents.as_ref()))
            .expect("a new file");
    }

    /// For appending.
    pub fn open(&self, name: &str) -> File {
        OpenOptions::new()
            .append(true)
            .open(self.join(name))
            .expect("open for appending")
    }

    pub fn resize(&self, name: &str, size: u64) {
        let file = OpenOptions::new().write(true).open(self.join(name));
        file.and_then(|file| file.set_len(size)).expect("set_len");
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.join(from), self.join(to)).expect("rename");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.join(name)).expect("unlink");
    }

    pub fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.join(name)).expect("mkdir");
    }

    pub fn symlink(&self, target: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(target, self.join(name)).expect("symlink");
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.join(name), fs::Permissions::from_mode(mode)).expect("chmod");
    }

    /// Sets the modification time to so many seconds before now.
    pub fn touch(&self, name: &str, age: Duration) {
        let time = std::time::SystemTime::now() - age;
        let file = File::open(self.join(name));
        file.and_then(|file| file.set_modified(time))
            .expect("utimensat");
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes of which every stretch tells where it is from.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Tries again until there is something, without sleeping: the other side is what is waited for.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::yield_now();
    }
}

/// The lines that a child writes to one of its streams.
#[derive(Clone)]
pub struct Lines(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines(Arc::default());
        let shared = Arc::clone(&lines.0);
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_string();
                shared.0.lock().expect("said").lines.push(text);
                shared.1.notify_all();
                line.clear();
            }
            shared.0.lock().expect("said").ended = true;
            shared.1.notify_all();
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().expect("said").lines.clone()
    }

    /// Waits for a line that contains all of these.
    pub fn wait_for(&self, parts: &[&str]) -> String {
        self.wait(&format!("a line with {parts:?}"), |said| {
            let matches = |line: &&String| parts.iter().all(|part| line.contains(part));
            said.lines.iter().find(matches).cloned()
        })
    }

    /// Waits until the child has closed the stream; all lines.
    pub fn wait_end(&self) -> Vec<String> {
        self.wait("the end", |said| said.ended.then(|| said.lines.clone()))
    }

    fn wait<T>(&self, what: &str, find: impl Fn(&Said) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut said = self.0.0.lock().expect("said");
        loop {
            if let Some(found) = find(&said) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let more = !said.ended && !left.is_zero();
            assert!(
                more,
                "waited for {what}, but there is only {:#?}",
                said.lines
            );
            said = self.0.1.wait_timeout(said, left).expect("said").0;
        }
    }
}

/// A child process; killed when dropped.
pub struct Running {
    child: Child,
    pub stdout: Lines,
    pub stderr: Lines,
}

impl Running {
    pub fn new(mut command: Command) -> Running {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = Lines::of(child.stdout.take().expect("stdout"));
        let stderr = Lines::of(child.stderr.take().expect("stderr"));
        Running {
            child,
            stdout,
            stderr,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("kill");
    }

    /// Waits for the child to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.stdout.wait_end();
        self.stderr.wait_end();
        self.child.wait().expect("wait")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            let panicked = |line: &String| line.contains("panicked at");
            let panic = self.stderr.wait_end().into_iter().find(panicked);
            assert_eq!(panic, None, "the server panicked");
        }
    }
}

/// The program with these arguments and no environment that would change what it says.
pub fn openrange(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openrange"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// The program on a free port, with these options besides.
fn listening(dir: &TempDir, options: &[&str]) -> Command {
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.args(options).arg(dir.path());
    command
}

/// A server that has said that it is ready.
pub struct Server {
    pub running: Running,
    /// `127.0.0.1:41234` or `unix:/path`.
    pub address: String,
}

impl Server {
    /// On a free port.
    pub fn start(dir: &TempDir) -> Server {
        Server::with(dir, &[])
    }

    /// On a free port, with these options besides.
    pub fn with(dir: &TempDir, options: &[&str]) -> Server {
        Server::launch(listening(dir, options))
    }

    /// The same with one worker, which may have so many descriptors.
    pub fn limited(dir: &TempDir, descriptors: u64, options: &[&str]) -> Server {
        let mut command = listening(dir, options);
        command.args(["--threads", "1"]);
        let limit = Rlimit {
            current: Some(descriptors),
            maximum: Some(descriptors),
        };
        let set = move || setrlimit(Resource::Nofile, limit).map_err(Into::into);
        // SAFETY: setrlimit is async-signal-safe.
        unsafe { command.pre_exec(set) };
        Server::launch(command)
    }

    /// Waits for the first announcement of this command.
    pub fn launch(command: Command) -> Server {
        let running = Running::new(command);
        let line = running.stdout.wait_for(&["listening on "]);
        let address = line
            .strip_prefix("listening on ")
            .expect("the announcement")
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_string();
        Server { running, address }
    }

    /// Stops it, so that everything done until [`Server::thaw`] reaches it at once.
    pub fn freeze(&self) {
        self.running.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.running.id());
        until("all threads to be stopped", || {
            let mut tasks = fs::read_dir(&tasks).expect("its threads");
            tasks
                .all(|task| stopped(&task.expect("a thread")))
                .then_some(())
        });
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.running.signal(Signal::CONT);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn log(&self) -> &Lines {
        &self.running.stderr
    }
}

fn stopped(task: &DirEntry) -> bool {
    let stat = fs::read_to_string(task.path().join("stat")).expect("stat");
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}
