//! What the log says at the start because an operator may not expect it: nothing of it keeps the server from serving.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use log::{Level, log};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::process::geteuid;

use super::descriptors;
use super::options::Options;
use crate::limits::FEW_CONNECTIONS;
use crate::os::privileges::is_root;
use crate::os::sockets::{Address, Bound};
use crate::store::explain;
use crate::store::writable::Writable;

/// A line for the log.
type Advice = (Level, String);

/// Finds what there is to say, before the process gives up its access to files.
pub(super) fn collect(options: &Options, threads: usize, bound: &[Bound]) -> Vec<Advice> {
    let addresses = bound.iter().map(|bound| &bound.address);
    let mut advice: Vec<Advice> = addresses
        .filter_map(|address| all_interfaces(address, options))
        .collect();
    advice.extend(as_root(options));
    advice.extend(options.admin.as_ref().and_then(open_admin));
    advice.extend(few_descriptors(options, threads));
    advice.extend(below_root(options));
    advice
}

/// Logs it, when the server serves.
pub(super) fn give(advice: Vec<Advice>) {
    for (level, line) in advice {
        log!(level, "{line}");
    }
}

fn all_interfaces(address: &Address, options: &Options) -> Option<Advice> {
    if !address.is_on_all_interfaces() {
        return None;
    }
    let (level, readers) = match options.token_file {
        Some(_) => (Level::Info, "whoever has a token"),
        None => (Level::Warn, "everybody who reaches this machine"),
    };
    let line =
        format!("{address} is open on all interfaces: {readers} can read the files below ROOT");
    Some((level, line))
}

fn as_root(options: &Options) -> Option<Advice> {
    let line = "running as root; with --user NAME the server becomes that user once it has bound its addresses";
    (options.user.is_none() && is_root()).then(|| (Level::Warn, line.into()))
}

fn open_admin(address: &Address) -> Option<Advice> {
    let line = || {
        format!(
            "--admin: {address} is open on all interfaces: everybody who reaches this machine can read the metrics and the \
             addresses of clients"
        )
    };
    address
        .is_on_all_interfaces()
        .then(|| (Level::Warn, line()))
}

fn few_descriptors(options: &Options, threads: usize) -> Option<Advice> {
    let fit = descriptors::default_connections(threads);
    let few = match options.max_connections {
        // Whoever gives a number knows it, but not that it is too large.
        Some(asked) => asked > fit,
        None => fit < FEW_CONNECTIONS,
    };
    let line = || {
        format!(
            "this process may open only {} descriptors, which is enough for {fit} connections: raise the limit \
             (ulimit -Hn, or LimitNOFILE of systemd)",
            descriptors::limit()
        )
    };
    few.then(|| (Level::Warn, line()))
}

/// Directories to which clients or intakes write, but this process may not, once it is the user that it
/// stays; and an access log that it could not open again.
pub(super) fn unwritable(options: &Options, writable: &Writable) -> Vec<Advice> {
    let warning = |(option, directory)| {
        let why = explain::unwritable(directory)?;
        let line = format!("{option} cannot be written: {why}");
        Some((Level::Warn, line))
    };
    let log = options.access_log.iter().filter_map(|path| {
        let error = accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).err()?;
        let uid = geteuid().as_raw();
        let line = format!(
            "--access-log {} cannot be opened again on SIGHUP: {error}; this process has uid {uid}",
            path.display()
        );
        (path.as_os_str() != "-").then_some((Level::Warn, line))
    });
    writable.iter().filter_map(warning).chain(log).collect()
}

/// Files of the server itself that it would serve, or whose changes it would report to followers.
fn below_root(options: &Options) -> Vec<Advice> {
    let Ok(root) = options.root.canonicalize() else {
        return Vec::new();
    };
    let files = [
        ("--token-file", &options.token_file),
        ("--access-log", &options.access_log),
        ("--history", &options.history),
    ];
    let warning = |(option, path): (&str, &Option<PathBuf>)| {
        let path = path.as_ref().filter(|path| path.as_os_str() != "-")?;
        let name = name_below(&root, path)?;
        let line = format!(
            "{option} {} lies below ROOT: clients can read it as /{}; keep it elsewhere",
            path.display(),
            name.display()
        );
        Some((Level::Warn, line))
    };
    files.into_iter().filter_map(warning).collect()
}

/// The name that a file has below a directory, if clients can ask for it there.
fn name_below(root: &Path, path: &Path) -> Option<PathBuf> {
    let path = match path.canonicalize() {
        // The server will create the file: its directory exists.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            let parent = parent.unwrap_or(Path::new(".")).canonicalize();
            parent.ok()?.join(path.file_name()?)
        }
        path => path.ok()?,
    };
    let name = path.strip_prefix(root).ok()?;
    let is_hidden = |part: &std::ffi::OsStr| part.as_bytes().starts_with(b".");
    (!name.iter().any(is_hidden)).then(|| name.into())
}
