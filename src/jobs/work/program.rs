//! Whether a command can be started: before any job is taken for it, and what it says if that fails later.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Access, AtFlags, CWD, FileType};
use rustix::io::Errno;

use crate::limits::JOB_PROGRAM_PATIENCE;

/// Where execvp(3) looks if the environment has no PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Looks for a program as execvp(3) does: by its path, or in the directories of PATH if its name has no slash.
///
/// # Errors
/// One line: no file has the name, or this process may not execute it.
pub fn check(program: &OsStr) -> Result<(), String> {
    let result = match program.as_bytes().contains(&b'/') {
        true => check_file(Path::new(program)),
        false => check_in_path(program),
    };
    result.map_err(|error| {
        let name = program.display();
        match error {
            Errno::NOENT | Errno::NOTDIR if !program.as_bytes().contains(&b'/') => {
                format!("cannot run {name}: no directory of PATH has it")
            }
            error => format!("cannot run {name}: {error}"),
        }
    })
}

fn check_in_path(program: &OsStr) -> Result<(), Errno> {
    let directories = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut refused = Errno::NOENT;
    for directory in std::env::split_paths(&directories) {
        let directory = match directory.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => directory,
        };
        match check_file(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn check_file(path: &Path) -> Result<(), Errno> {
    let stat = rustix::fs::stat(path)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Errno::ISDIR),
        _ => return Err(Errno::ACCESS),
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
}

/// Whose fault it was that a command could not be started, as far as those know who try it.
#[derive(Debug, Default)]
pub struct Faults {
    /// When they did not find the program for the first and for the last time.
    missing: Option<(Instant, Instant)>,
}

impl Faults {
    /// Whether the command could not be started because of the program, and so cannot be tomorrow either. Anything else is a
    /// shortage of this machine, or a program that somebody just replaces.
    pub fn is_of_program(&mut self, error: &io::Error, now: Instant) -> bool {
        let missing = self.missing.take();
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR) => {
                let before = missing.filter(|(_, last)| now - *last < JOB_PROGRAM_PATIENCE);
                let first = before.map_or(now, |(first, _)| first);
                self.missing = Some((first, now));
                now - first >= JOB_PROGRAM_PATIENCE
            }
            Some(
                Errno::ACCESS
                | Errno::NOEXEC
                | Errno::LIBBAD
                | Errno::ISDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::TOOBIG
                | Errno::INVAL,
            ) => true,
            Some(_) => false,
            // It cannot even be asked for.
            None => true,
        }
    }

    /// A command could be started.
    pub fn end(&mut self) {
        self.missing = None;
    }
}
