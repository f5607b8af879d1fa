//! Two heads on GlusterFS with three bricks, in a network namespace of its own: heads and a brick are killed, the log is
//! rolled, and whoever hops between the heads has every line once.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::client::Response;
use crate::support::directory::TempDir;
use crate::support::harness::Server;
use crate::support::machine::{is_root, skip, succeeds};
use crate::support::running::Running;
use crate::support::tail::{End, Tail};
use crate::support::waiting::until;

/// GlusterFS refuses 127.0.0.1.
const ADDRESS: &str = "10.77.14.1";

/// A volume with three mounts; gone with all its processes when this is dropped.
struct Gluster {
    home: TempDir,
    namespace: String,
    daemon: Option<Running>,
}

impl Gluster {
    fn start() -> Option<Gluster> {
        for program in ["glusterd", "gluster", "ip", "nsenter", "mount.glusterfs"] {
            if !is_root() || !succeeds("sh", &["-c", &format!("command -v {program}")]) {
                skip(&format!("GlusterFS needs root and {program}"));
                return None;
            }
        }
        let namespace = format!("openrange-{}", std::process::id());
        let mut gluster = Gluster {
            home: TempDir::new(),
            namespace,
            daemon: None,
        };
        match gluster.bring_up() {
            Ok(()) => Some(gluster),
            Err(why) => {
                skip(&format!("GlusterFS does not start here: {why}"));
                None
            }
        }
    }

    fn bring_up(&mut self) -> Result<(), String> {
        let name = self.namespace.clone();
        let address = format!("{ADDRESS}/32");
        run("ip", &["netns", "add", &name])?;
        run("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        run("ip", &["-n", &name, "addr", "add", &address, "dev", "lo"])?;
        for directory in [
            "lib", "run", "a", "b", "writer", "brick0", "brick1", "brick2",
        ] {
            fs::create_dir(self.home.join(directory)).map_err(|error| error.to_string())?;
        }
        let _ = fs::create_dir_all("/var/run/gluster");
        let _ = fs::create_dir_all("/var/log/glusterfs");
        let home = self.home.path().display().to_string();
        let volume = format!(
            "volume management\n type mgmt/glusterd\n option working-directory {home}/lib\n option transport-type socket\n \
             option transport.socket.bind-address {ADDRESS}\n option ping-timeout 0\n option event-threads 1\n \
             option run-directory {home}/run\n option glusterd-sockfile {home}/socket\nend-volume\n"
        );
        self.home.write("glusterd.vol", volume);
        let mut daemon = self.inside("glusterd");
        daemon
            .args(["-N", "-f"])
            .arg(self.home.join("glusterd.vol"));
        daemon.arg("-p").arg(self.home.join("glusterd.pid"));
        daemon.arg("-l").arg(self.home.join("glusterd.log"));
        self.daemon = Some(Running::try_new(daemon).map_err(|error| error.to_string())?);
        for _ in 0..300 {
            if self.gluster(&["volume", "list"]).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let bricks = [0, 1, 2].map(|number| format!("{ADDRESS}:{home}/brick{number}/data"));
        let bricks = [&*bricks[0], &*bricks[1], &*bricks[2]];
        let create = [
            &["volume", "create", "v", "replica", "3"],
            &bricks[..],
            &["force"],
        ]
        .concat();
        self.gluster(&create)?;
        self.gluster(&["volume", "start", "v"])?;
        for mount in ["a", "b", "writer"] {
            let mut command = self.inside("mount");
            command.args(["-t", "glusterfs", &format!("{ADDRESS}:/v")]);
            output(command.arg(self.home.join(mount)))?;
        }
        Ok(())
    }

    /// A command in the network namespace.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.namespace))
            .arg(program);
        command
    }

    fn gluster(&self, arguments: &[&str]) -> Result<String, String> {
        let socket = format!("--glusterd-sock={}", self.home.join("socket").display());
        let mut command = self.inside("gluster");
        output(command.args(["--mode=script", &socket]).args(arguments))
    }

    fn mount(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Ends the process of a brick by its number, which is in the name of its file.
    fn kill_brick(&self, number: usize) {
        let pids = self.processes(&format!("brick{number}"));
        assert!(!pids.is_empty(), "no process of a brick");
        for pid in pids {
            run("kill", &["-9", &pid]).expect("kill");
        }
    }

    /// Processes of this volume whose command line has this word: they name a directory that nobody else has.
    fn processes(&self, word: &str) -> Vec<String> {
        let home = self.home.path().display().to_string();
        let name = home.trim_start_matches('/').replace('/', "-");
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            let ours = line.contains(&home) || line.contains(&name);
            if ours && line.contains("gluster") && line.contains(word) {
                found.extend(entry.file_name().into_string());
            }
        }
        found
    }
}

impl Drop for Gluster {
    fn drop(&mut self) {
        for mount in ["a", "b", "writer"] {
            let _ = Command::new("umount")
                .arg("-l")
                .arg(self.mount(mount))
                .output();
        }
        let _ = self.gluster(&["volume", "stop", "v", "force"]);
        for pid in self.processes("gluster") {
            let _ = run("kill", &["-9", &pid]);
        }
        self.daemon.take();
        let _ = run("ip", &["netns", "del", &self.namespace]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    output(Command::new(program).args(arguments))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn visible(path: &Path) {
    until("a file on the other mount", || path.exists().then_some(()));
}

/// A reader that asks another head after each break, with the tag and the offset that it has.
struct Hopper {
    tag: Option<String>,
    file: Vec<u8>,
    files: Vec<Vec<u8>>,
}

impl Hopper {
    fn open(&mut self, head: &Server) -> Tail {
        let condition = self.tag.as_ref().map(|tag| format!("If-Match: {tag}"));
        let fields: Vec<&str> = condition.iter().map(String::as_str).collect();
        let from = self.file.len() as u64;
        // A head that does not yet know that the name has passed on refuses.
        let tail = until("a tail", || {
            let opened = Tail::try_open(head.connect(), "/log", from, &fields);
            opened.ok()?.ok()
        });
        self.tag = Some(tail.head.etag().to_owned());
        tail
    }

    /// Reads on at a head until so many bytes of the file are there.
    fn read(&mut self, head: &Server, enough: usize) {
        let mut tail = self.open(head);
        tail.wait_for(enough - self.file.len());
        self.file.append(&mut tail.body);
    }

    /// Reads to the end of the file, which this brings about.
    fn finish(&mut self, head: &Server, roll: impl FnOnce()) {
        let mut tail = self.open(head);
        roll();
        assert_eq!(*tail.end(), End::Complete("renamed".into()));
        self.file.append(&mut tail.body);
        self.files.push(std::mem::take(&mut self.file));
        self.tag = None;
    }
}

#[test]
fn heads_and_a_brick_are_killed() {
    const ROLLS: usize = 8;
    let Some(gluster) = Gluster::start() else {
        return;
    };
    let log = gluster.mount("writer").join("log");
    let options = ["--threads", "1", "--settle", "1500"];
    fs::write(&log, "").expect("a log");
    let roots = [gluster.mount("a"), gluster.mount("b")];
    roots.iter().for_each(|root| visible(&root.join("log")));
    let mut heads = roots.each_ref().map(|root| Server::with(root, &options));
    let mut hopper = Hopper {
        tag: None,
        file: Vec::new(),
        files: Vec::new(),
    };
    let mut written: Vec<Vec<u8>> = Vec::new();
    for roll in 0..=ROLLS {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .expect("a log");
        let mut bytes = Vec::new();
        for part in 0..3 {
            for line in 0..30 {
                let line = format!("file {roll} part {part} line {line}\n");
                file.write_all(line.as_bytes()).expect("a write");
                bytes.extend(line.as_bytes());
            }
            // To the other head each time, which has to know the file by its tag.
            let head = (roll + part) % 2;
            hopper.read(&heads[head], bytes.len());
            if part == 1 {
                let root = &roots[head];
                heads[head] = Server::with(root, &options);
            }
        }
        if roll == 2 {
            gluster.kill_brick(1);
        }
        if roll == 5 {
            gluster
                .gluster(&["volume", "start", "v", "force"])
                .expect("the brick again");
        }
        if roll < ROLLS {
            bytes.extend(b"last\n");
            file.sync_all().expect("fsync");
            let rolled = log.with_extension(format!("{:03}", ROLLS - roll));
            hopper.finish(&heads[roll % 2], || {
                // The last line comes with the rename.
                file.write_all(b"last\n").expect("a write");
                fs::rename(&log, &rolled).expect("a rename");
                fs::write(&log, "").expect("the next log");
            });
            // Until both have the next file under the name. Whoever asks for it all the time keeps the old one in the memory of
            // GlusterFS, which trusts it for a second after it was asked.
            until("the next file at both", || {
                let answers = heads.each_ref().map(|head| head.get("/log", &[]));
                let is_next = |answer: &Response| answer.status == 200 && answer.body.is_empty();
                let all = answers.iter().all(is_next).then_some(());
                if all.is_none() {
                    std::thread::sleep(Duration::from_secs(2));
                }
                all
            });
        }
        written.push(bytes);
    }
    hopper.files.push(hopper.file);
    assert!(hopper.files == written, "not every line once");
}
