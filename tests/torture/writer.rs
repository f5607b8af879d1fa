//! Writes one topic, and rolls it in every way there is.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant, SystemTime};

use crate::content::{self, HEADER, Rng};
use crate::topic::{BOUND, Generation, Roll, Topic};
use crate::world::World;

/// Where a topic lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A file in the root.
    Plain,
    /// A file two directories down.
    Nested,
    /// A symbolic link to a file elsewhere.
    Link,
    /// A file in what a symbolic link to a directory leads to.
    LinkedDirectory,
}

impl Layout {
    /// That of a topic.
    pub fn of(index: usize) -> Layout {
        [
            Layout::Plain,
            Layout::Nested,
            Layout::Link,
            Layout::LinkedDirectory,
        ][index % 4]
    }

    /// The first component of the topic's name.
    fn top(self, index: usize) -> String {
        format!("{self:?}-{index}").to_lowercase()
    }

    /// The topic's name, with a leading slash.
    pub fn path(self, index: usize) -> String {
        let rest = match self {
            Layout::Plain | Layout::Link => "",
            Layout::Nested => "/sub/log",
            Layout::LinkedDirectory => "/log",
        };
        format!("/{}{rest}", self.top(index))
    }

    fn rolls(self) -> &'static [Roll] {
        use Roll::{Over, Parent, Recreate, Rename, Repoint, Seal, Truncate, Unlink};
        match self {
            Layout::Plain => &[Rename, Unlink, Recreate, Over, Truncate, Seal],
            Layout::Nested => &[Rename, Unlink, Recreate, Over, Parent, Truncate, Seal],
            Layout::Link => &[Rename, Recreate, Over, Repoint, Repoint, Truncate, Seal],
            Layout::LinkedDirectory => &[Rename, Unlink, Parent, Repoint, Repoint, Truncate, Seal],
        }
    }
}

pub struct Writer<'a> {
    world: &'a World,
    topic: &'a Topic,
    layout: Layout,
    rng: Rng,
    /// Where the file really lies.
    real: PathBuf,
    file: File,
    generation: usize,
    length: u64,
}

impl<'a> Writer<'a> {
    /// Makes the first generation.
    pub fn new(world: &'a World, topic: &'a Topic) -> io::Result<Writer<'a>> {
        let layout = Layout::of(topic.index);
        let real = match layout {
            Layout::Plain | Layout::Nested => world.root.join(&topic.path[1..]),
            Layout::Link | Layout::LinkedDirectory => PathBuf::new(),
        };
        let mut writer = Writer {
            world,
            topic,
            layout,
            rng: Rng::new(world.seed, 1000 + topic.index as u64),
            real,
            file: File::open("/dev/null")?,
            generation: 0,
            length: 0,
        };
        match layout {
            Layout::Plain => writer.create()?,
            Layout::Nested => {
                fs::create_dir_all(writer.real.parent().expect("it has one"))?;
                writer.create()?;
            }
            Layout::Link | Layout::LinkedDirectory => writer.repoint()?,
        }
        topic.change(|state| state.absent = 2);
        Ok(writer)
    }

    /// Writes and rolls until it is to stop, and then until the last byte is delivered.
    pub fn run(mut self) -> Result<(), String> {
        let error = |error: io::Error| format!("writer: {error}");
        while !self.world.writers_stop.load(SeqCst) {
            self.grow().map_err(error)?;
            self.roll()?;
        }
        self.grow().map_err(error)?;
        let (generation, length) = (self.generation, self.length);
        self.wait("the last bytes are not delivered", |state| {
            matches!(state.dedicated.at, Some((at, _, offset)) if at == generation && offset == length)
        })
    }

    fn wait(
        &self,
        what: &str,
        mut holds: impl FnMut(&crate::topic::State) -> bool,
    ) -> Result<(), String> {
        if self
            .topic
            .wait(BOUND, |state| holds(state) || self.world.failed())
        {
            return Ok(());
        }
        let state = self.topic.look();
        let (generation, length) = (self.generation, self.length);
        Err(format!(
            "{what}: generation {generation}, {length} bytes, {:?}",
            state.dedicated
        ))
    }

    /// Appends some times, and does what must not matter.
    fn grow(&mut self) -> io::Result<()> {
        for _ in 0..self.rng.below(24) {
            let count = self.rng.magnitude(17).min(100 * 1024);
            self.append(count)?;
            match self.rng.below(8) {
                0 => self.disturb()?,
                1 => self.idle(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets the others go on for a while.
    fn idle(&mut self) {
        std::thread::sleep(Duration::from_micros(self.rng.below(6000)));
    }

    fn append(&mut self, count: u64) -> io::Result<()> {
        let range = self.length..self.length + count;
        self.topic
            .change(|state| state.generations[self.generation].written = range.end);
        self.length = range.end;
        let bytes = content::bytes(self.topic.index, self.generation, range);
        self.file.write_all(&bytes)
    }

    /// What ends no tail.
    fn disturb(&mut self) -> io::Result<()> {
        match self.rng.below(4) {
            0 => {
                let mode = 0o600 | (self.rng.next() as u32 & 0o077);
                self.file.set_permissions(Permissions::from_mode(mode))
            }
            1 => self.file.set_modified(SystemTime::now()),
            2 => {
                let other = self.old("link");
                fs::hard_link(&self.real, &other)?;
                fs::remove_file(other)
            }
            _ => {
                let other = self.real.with_extension("other");
                File::create(&other)?;
                fs::rename(&other, self.real.with_extension("another"))
            }
        }
    }

    /// A name outside the topics' directories.
    fn old(&self, kind: &str) -> PathBuf {
        let name = format!(
            "{}-{kind}-{}",
            self.layout.top(self.topic.index),
            self.generation
        );
        self.world.root.join("old").join(name)
    }

    /// Ends this generation and begins the next, while no kill falls into it.
    fn roll(&mut self) -> Result<(), String> {
        let world = self.world;
        let _calm = world.calm.read().expect("nobody panics with it");
        let (generation, up) = (self.generation, world.up());
        self.wait(
            "its follower does not come",
            |state| matches!(state.dedicated.at, Some((at, on, _)) if at == generation && on == up),
        )?;
        if world.failed() {
            return Ok(());
        }
        let rolls = self.layout.rolls();
        let roll = rolls[self.rng.below(rolls.len() as u64) as usize];
        self.topic.change(|state| {
            state.settling = roll == Roll::Truncate;
            // Over and Repoint leave no moment without a file.
            state.absent += u64::from(!matches!(roll, Roll::Over | Roll::Repoint | Roll::Truncate));
            state.generations[generation].left = Some((roll, self.length, Instant::now()));
        });
        self.do_roll(roll)
            .map_err(|error| format!("{roll:?}: {error}"))?;
        world.counts.roll(roll);
        self.topic
            .change(|state| state.absent = state.absent.next_multiple_of(2));
        self.wait_done(generation)
            .map_err(|why| format!("{roll:?}: {why}"))
    }

    /// Waits until a generation that has ended is delivered.
    fn wait_done(&self, generation: usize) -> Result<(), String> {
        self.wait("its follower does not get the end", |state| {
            state.dedicated.done > generation
        })
    }

    fn do_roll(&mut self, roll: Roll) -> io::Result<()> {
        let away = self.old("away");
        match roll {
            Roll::Rename => {
                fs::rename(&self.real, &away)?;
                self.gone(Some(&away))?;
                self.create()
            }
            Roll::Unlink => {
                fs::remove_file(&self.real)?;
                self.gone(None)?;
                self.create()
            }
            Roll::Recreate => {
                fs::remove_file(&self.real)?;
                self.create()
            }
            Roll::Over => {
                let new = self.old("new");
                let real = std::mem::replace(&mut self.real, new);
                self.create()?;
                let count = self.rng.magnitude(15);
                self.append(count)?;
                fs::rename(&self.real, &real)?;
                self.real = real;
                Ok(())
            }
            Roll::Parent => {
                let parent = self.real.parent().expect("it has one").to_path_buf();
                let moved = match self.layout {
                    Layout::Nested if self.rng.one_in(2) => parent.parent().expect("it has one"),
                    _ => &parent,
                };
                fs::rename(moved, &away)?;
                self.gone(Some(&away))?;
                fs::create_dir_all(&parent)?;
                self.create()
            }
            Roll::Repoint => {
                let real = self.real.clone();
                self.repoint()?;
                self.idle();
                fs::remove_file(real)
            }
            Roll::Seal => {
                self.file.set_permissions(Permissions::from_mode(0o444))?;
                self.idle();
                fs::rename(&self.real, &away)?;
                self.create()
            }
            Roll::Truncate => self.truncate(),
        }
    }

    /// The name has gone. What the old file still gets is nobody's business any more.
    fn gone(&mut self, away: Option<&Path>) -> io::Result<()> {
        if self.rng.one_in(3) {
            let count = self.rng.magnitude(15);
            self.append(count)?;
        }
        match self.rng.below(3) {
            0 => self.idle(),
            // The end must come without another file that takes the name.
            1 => self.wait_done(self.generation).map_err(io::Error::other)?,
            _ => {}
        }
        match away {
            Some(away) if self.rng.one_in(4) && away.is_file() => fs::remove_file(away),
            _ => Ok(()),
        }
    }

    /// The next generation is about to begin.
    fn next(&mut self, reborn: bool) {
        self.generation = self.topic.change(|state| {
            state.generations.push(Generation {
                reborn,
                ..Generation::default()
            });
            state.generations.len() - 1
        });
        self.length = 0;
    }

    fn create(&mut self) -> io::Result<()> {
        self.next(false);
        self.file = File::create_new(&self.real)?;
        self.append(HEADER)?;
        self.tidy();
        Ok(())
    }

    /// Removes what was moved away a while ago.
    fn tidy(&self) {
        let Some(old) = self.generation.checked_sub(3) else {
            return;
        };
        let name = format!("{}-away-{old}", self.layout.top(self.topic.index));
        let path = self.world.root.join("old").join(name);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }

    /// Has the link lead to a new file or directory.
    fn repoint(&mut self) -> io::Result<()> {
        let top = self.layout.top(self.topic.index);
        let target = format!("store/{top}.{}", self.topic.look().generations.len());
        self.real = self.world.root.join(&target);
        if self.layout == Layout::LinkedDirectory {
            fs::create_dir(&self.real)?;
            self.real.push("log");
        }
        self.create()?;
        let link = self.old("link");
        symlink(target, &link)?;
        fs::rename(link, self.world.root.join(top))
    }

    /// Truncates, and writes on when all who followed have been cut: by its size they could not see it later.
    fn truncate(&mut self) -> io::Result<()> {
        if self.rng.one_in(2) {
            self.file.set_len(self.rng.below(self.length))?;
        }
        self.file.set_len(0)?;
        io::Seek::rewind(&mut self.file)?;
        self.topic.change(|state| state.epoch += 1);
        let uncut = self.topic.settle();
        if !uncut.is_empty() && !self.world.failed() {
            return Err(io::Error::other(format!(
                "followers {uncut:?} were not cut"
            )));
        }
        self.topic.change(|state| state.settling = false);
        self.next(true);
        self.append(HEADER)
    }
}
