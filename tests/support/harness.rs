//! The real binary in a fresh directory: started, listened to, signalled, and always killed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::client::{Client, Response};
use super::seccomp::{self, Lack};
use super::tail::Tail;

pub use super::directory::{TempDir, append, pattern};
pub use super::running::{Lines, Running};
pub use super::waiting::{PATIENCE, eventually, until};

pub const BINARY: &str = env!("CARGO_BIN_EXE_openrange");

/// The program with these arguments and no environment that would change what it says.
pub fn openrange(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// Runs the program to its end: exit code and stderr.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = openrange(arguments).output().expect("the binary");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}

/// The program on a free port, with these options besides.
fn listening(root: impl AsRef<Path>, options: &[&str]) -> Command {
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.args(options).arg(root.as_ref());
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
    pub fn start(root: impl AsRef<Path>) -> Server {
        Server::with(root, &[])
    }

    /// On a free port, with these options besides.
    pub fn with(root: impl AsRef<Path>, options: &[&str]) -> Server {
        Server::launch(listening(root, options))
    }

    /// The same with one worker, which may have so many descriptors.
    pub fn limited(root: impl AsRef<Path>, descriptors: u64, options: &[&str]) -> Server {
        let mut command = listening(root, options);
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

    /// Started by a shell that does something first (`$@` is the server).
    pub fn after(script: &str, root: impl AsRef<Path>, options: &[&str]) -> Result<Server, String> {
        Server::within(&["sh", "-ec"], script, root, options)
    }

    /// The same, where the shell has user and mount namespaces of its own, in which it is root.
    pub fn in_namespace(
        script: &str,
        root: impl AsRef<Path>,
        options: &[&str],
    ) -> Result<Server, String> {
        Server::within(&["unshare", "-Urm", "sh", "-ec"], script, root, options)
    }

    /// The same in a mount namespace of its own only, for which it takes root.
    pub fn in_mount_namespace(
        script: &str,
        root: impl AsRef<Path>,
        options: &[&str],
    ) -> Result<Server, String> {
        Server::within(&["unshare", "-m", "sh", "-ec"], script, root, options)
    }

    /// The shell executes the program, so that the child is the server.
    fn within(
        shell: &[&str],
        script: &str,
        root: impl AsRef<Path>,
        options: &[&str],
    ) -> Result<Server, String> {
        let server = listening(root, options);
        let mut command = Command::new(shell[0]);
        command
            .args(&shell[1..])
            .arg(format!("{script}; exec \"$@\""))
            .arg("sh")
            .arg(server.get_program())
            .args(server.get_args())
            .env_remove("RUST_LOG");
        Server::try_launch(command)
    }

    /// Where some system calls fail.
    pub fn without(
        lacks: &[Lack],
        root: impl AsRef<Path>,
        options: &[&str],
    ) -> Result<Server, String> {
        let mut command = listening(root, options);
        seccomp::deny(&mut command, lacks);
        let server = Server::try_launch(command)?;
        assert_eq!(server.running.status("Seccomp"), "2", "no filter");
        Ok(server)
    }

    /// Waits for the first announcement of this command.
    pub fn launch(command: Command) -> Server {
        Server::try_launch(command).unwrap_or_else(|why| panic!("no server: {why}"))
    }

    /// The same; `Err` says why nothing was announced.
    pub fn try_launch(command: Command) -> Result<Server, String> {
        let program = command.get_program().display().to_string();
        let mut running = Running::try_new(command).map_err(|why| format!("{program}: {why}"))?;
        let line = running.first_line()?;
        let address = line
            .strip_prefix("listening on ")
            .ok_or_else(|| format!("{line:?} on stdout"))?
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_string();
        Ok(Server { running, address })
    }

    /// Stops it, so that everything done until [`Server::thaw`] reaches it at once.
    pub fn freeze(&self) {
        self.running.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.running.thaw();
    }

    /// SIGTERM; how it ended.
    pub fn stop(mut self) -> ExitStatus {
        self.running.signal(Signal::TERM);
        self.running.wait()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn log(&self) -> &Lines {
        &self.running.stderr
    }

    pub fn connect(&self) -> Client {
        Client::new(self)
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str, fields: &[&str]) -> Response {
        self.connect().get(target, fields)
    }

    /// A tail of a file from an offset, on a connection of its own.
    pub fn tail(&self, target: &str, from: u64) -> Tail {
        Tail::open(self.connect(), target, from, &[])
    }
}
