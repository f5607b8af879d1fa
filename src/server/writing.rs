//! `--write`: checks the prefixes against the directories that exist, before the server serves anything.

use std::io;
use std::sync::Arc;

use crate::http::origin::Origins;
use crate::os::sockets::Bound;
use crate::store::commit::Commits;
use crate::store::leftovers;
use crate::store::root::{Files, open_root};
use crate::store::truncations::Truncations;
use crate::store::writable::Writable;
use crate::worker::upload::{BodyMemory, Writing};

use super::options::Options;

/// What may be written, before the process gives up everything else.
pub struct Prepared {
    below: Vec<Files>,
    options: Options,
    origins: Origins,
}

/// Looks at what may be written, and adds the directories below which that is; `None`: nothing.
///
/// # Errors
/// One line: a prefix is no directory, or everybody could write.
pub fn prepare(
    options: &Options,
    bound: &[Bound],
    writable: &mut Writable,
) -> Result<Option<Prepared>, String> {
    if options.write.is_empty() && options.jobs.is_none() {
        return Ok(None);
    }
    let addresses = bound.iter().map(|bound| &bound.address);
    if let Some(address) = options.open_to_all_writers(addresses) {
        return Err(format!(
            "--write, --jobs: other machines can reach {address}; say with --token-file who may write"
        ));
    }
    let root = open_root(&options.root).map_err(|error| error.to_string())?;
    let files = Files::new(root, Arc::new(Truncations::default()));
    let mut below = Vec::new();
    let written = options.write.iter().map(|prefix| ("--write", prefix));
    let jobs = options.jobs.iter().map(|prefix| ("--jobs", prefix));
    for (option, prefix) in written.chain(jobs) {
        let wrong = |error: io::Error| {
            format!("cannot use {option} {prefix}: {error}; it must be a directory below ROOT")
        };
        let found = files.below(prefix.name());
        let found = found.map_err(|error| wrong(error.into()))?;
        let added = writable.add(
            format!("{option} {prefix}"),
            prefix.name(),
            found.directory(),
        );
        added.map_err(wrong)?;
        below.push(found);
    }
    Ok(Some(Prepared {
        below,
        options: options.clone(),
        origins: origins(options, bound),
    }))
}

impl Prepared {
    /// Removes what a server that was killed has left, and starts what the workers need. `writable`: what the sandbox
    /// permits, if there is one.
    ///
    /// # Errors
    /// One line: there can be no more threads.
    pub fn finish(self, writable: Option<Arc<Writable>>) -> Result<Writing, String> {
        self.below.iter().for_each(leftovers::remove);
        let commits = Commits::start()
            .map_err(|error| format!("cannot start threads that put files on disk: {error}"))?;
        Ok(Writing {
            prefixes: Arc::new(self.options.write),
            origins: Arc::new(self.origins),
            append_max: self.options.append_max,
            memory: BodyMemory::new(self.options.body_memory),
            commits,
            writable,
        })
    }
}

/// Pages that may write: our own, and those that the options name.
fn origins(options: &Options, bound: &[Bound]) -> Origins {
    let mut origins = Origins::default();
    let addresses = bound.iter().map(|bound| &bound.address);
    for (host, port) in addresses.filter_map(|address| address.host_and_port()) {
        origins.add_address(&host, port);
    }
    for name in options.hosts.iter().flat_map(|hosts| hosts.names()) {
        origins.add_host(name);
    }
    if let Some(cors) = &options.cors {
        origins.add_origin(cors.origin());
    }
    origins
}
