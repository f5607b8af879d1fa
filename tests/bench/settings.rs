//! The command line of the benchmarks.

use std::path::PathBuf;
use std::sync::Mutex;

use super::machine::Cores;
use super::peers;
use super::servers::Kind;

pub const USAGE: &str = "\
cargo bench -- [OPTIONS] [TOPIC]...

Tables go to stdout, progress to stderr. Without a TOPIC: all of them.

  --quick             one short run with small numbers, to see that all works
  --runs N            of which the medians are taken (default: 5)
  --tails K,K...      subscribers, or producers (default: what each topic is about)
  --sizes B,B...      bytes of a record (default: 100,4096)
  --paces P,P...      of paced, one, flat (default: all)
  --servers S,S...    of openrange, \"openrange events\", former, \"former events\", bare,
                      \"bare sendfile\", nginx, lighttpd, nchan, redis, nats, tailsrv,
                      durable-streams, \"durable-streams wal\", batches (default: all that are
                      installed)
  --binary PATH       another openrange than the one just built
  --former PATH       another openrange that takes part beside it
  --cores S,L         the server's core and the load's (default: the first two)
  --list              the topics

";

pub struct Settings {
    pub topics: Vec<String>,
    pub quick: bool,
    pub runs: usize,
    pub tails: Option<Vec<usize>>,
    pub sizes: Vec<usize>,
    pub paces: Vec<String>,
    pub servers: Option<Vec<String>>,
    pub binary: PathBuf,
    pub former: Option<PathBuf>,
    pub cores: Cores,
    pub list: bool,
    /// Those of which it has been said.
    skipped: Mutex<Vec<Kind>>,
}

impl Settings {
    /// # Errors
    /// What is wrong with the arguments.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Settings, String> {
        let mut settings = Settings {
            topics: Vec::new(),
            quick: false,
            runs: 0,
            tails: None,
            sizes: vec![100, 4096],
            paces: ["paced", "one", "flat"].map(String::from).into(),
            servers: None,
            binary: env!("CARGO_BIN_EXE_openrange").into(),
            former: None,
            cores: Cores::first_two().ok_or("the server and the load need a core each")?,
            list: false,
            skipped: Mutex::default(),
        };
        // cargo adds --bench.
        let mut words = words.filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word}: a value is missing"));
            match word.as_str() {
                "--quick" => settings.quick = true,
                "--list" | "--help" | "-h" => settings.list = true,
                "--runs" => settings.runs = numbers(&value()?)?[0],
                "--tails" => settings.tails = Some(numbers(&value()?)?),
                "--sizes" => settings.sizes = numbers(&value()?)?,
                "--paces" => settings.paces = list(&value()?),
                "--servers" => settings.servers = Some(list(&value()?)),
                "--binary" => settings.binary = value()?.into(),
                "--former" => settings.former = Some(value()?.into()),
                "--cores" => match numbers(&value()?)?[..] {
                    [server, load] => settings.cores = Cores { server, load },
                    _ => return Err("--cores: two numbers".into()),
                },
                _ if word.starts_with('-') => return Err(format!("{word}: unknown")),
                _ => settings.topics.push(word.clone()),
            }
        }
        if settings.runs == 0 {
            settings.runs = if settings.quick { 1 } else { 5 };
        }
        Ok(settings)
    }

    /// Those of these servers that shall and can take part.
    pub fn among(&self, kinds: &[Kind]) -> Vec<Kind> {
        let wanted = |kind: &Kind| match &self.servers {
            Some(names) => names.iter().any(|name| name == kind.name()),
            None => true,
        };
        let there = |kind: &Kind| {
            self.former.is_some() || !matches!(kind, Kind::Former | Kind::FormerEvents)
        };
        let kinds = kinds.iter().copied().filter(wanted).filter(there);
        kinds
            .filter(|&kind| match peers::missing(kind) {
                None => true,
                Some(why) => {
                    let mut skipped = self.skipped.lock().expect("no panic");
                    if !skipped.contains(&kind) {
                        eprintln!("skipped: {}: {why}", kind.name());
                        skipped.push(kind);
                    }
                    false
                }
            })
            .collect()
    }

    /// Takes every server once in each run, first another one each time, so that whatever changes on the machine
    /// meanwhile changes for all.
    pub fn alternate(&self, kinds: &[Kind], what: &str, mut measure: impl FnMut(Kind)) {
        for run in 0..self.runs {
            for place in 0..kinds.len() {
                let kind = kinds[(place + run) % kinds.len()];
                eprintln!("{what}: run {} of {}: {}", run + 1, self.runs, kind.name());
                measure(kind);
            }
        }
    }

    /// Numbers of subscribers.
    pub fn tails(&self, usual: &[usize], quick: &[usize]) -> Vec<usize> {
        match &self.tails {
            Some(tails) => tails.clone(),
            None if self.quick => quick.into(),
            None => usual.into(),
        }
    }

    /// The second in a quick run.
    pub fn either<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().into()).collect()
}

fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let number = |word: &str| {
        word.trim()
            .parse()
            .map_err(|_| format!("{word}: a number is expected"))
    };
    text.split(',').map(number).collect()
}
