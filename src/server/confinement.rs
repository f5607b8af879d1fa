//! What the server gives up before the first byte of a client is read.

use std::os::fd::OwnedFd;
use std::path::Path;

use log::{debug, warn};

use crate::os::privileges::{self, Keep, Sandbox};
use crate::os::sockets::Address;
use crate::os::system_calls::Capability;

use super::options::Options;

/// Becomes another user, if it is to, and gives up what is not needed, while there is only this thread. `writable`: the
/// directories below which clients and intakes may write.
///
/// # Errors
/// One line that says what is refused.
pub fn give_up_privileges<'a>(
    options: &Options,
    writable: impl Iterator<Item = &'a OwnedFd>,
) -> Result<(), String> {
    match &options.user {
        Some(user) => privileges::become_user(user)?,
        None if privileges::is_root() => {
            warn!(
                "running as root; with --user NAME the server becomes that user once it has bound its addresses"
            );
        }
        None => {}
    }
    if !options.sandbox {
        return Ok(());
    }
    let refused =
        |error| format!("cannot restrict the process: {error}; --no-sandbox does without");
    privileges::drop_capabilities().map_err(refused)?;
    let mut capabilities = vec![Capability::Serve];
    if !options.write.is_empty() || options.jobs.is_some() {
        capabilities.push(Capability::Write);
    }
    if !options.intakes.is_empty() {
        capabilities.push(Capability::Intake);
    }
    match privileges::confine_process(&options.root, kept(options), writable) {
        Ok(Sandbox::Landlock(abi)) => {
            let write = match &*capabilities {
                [_] => "",
                _ => ", and writing where --write, --jobs and --intake write",
            };
            debug!("restricted to reading below ROOT{write} by Landlock, version {abi}");
        }
        Ok(Sandbox::Missing) => {
            warn!("this kernel has no Landlock: the process keeps its access to other files");
        }
        Err(error) => return Err(refused(error)),
    }
    if !privileges::filter_system_calls(&capabilities).map_err(refused)? {
        warn!("this kernel has no filter for system calls: the process keeps all of them");
    }
    Ok(())
}

/// The files besides those below ROOT that are needed later.
fn kept(options: &Options) -> impl Iterator<Item = (&Path, Keep)> {
    let intakes = options.intakes.iter().map(|intake| &intake.address);
    let addresses = options.listen.iter().chain(&options.admin).chain(intakes);
    let sockets = addresses.filter_map(|address| match address {
        Address::Unix { path, .. } => Some((path.as_path(), Keep::Remove)),
        Address::Tcp(_) => None,
    });
    let tokens = options.token_file.iter().map(|path| (&**path, Keep::Read));
    let log = options.access_log.iter();
    let log = log.filter(|path| path.as_os_str() != "-");
    let log = log.map(|path| (&**path, Keep::Write));
    sockets.chain(tokens).chain(log)
}
