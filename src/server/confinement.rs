//! What the server gives up before it reads the first byte of a client.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use log::{debug, warn};

use crate::os::privileges::{self, Keep, Sandbox};
use crate::os::sockets::Address;
use crate::os::system_calls::Capability;

use super::options::Options;

/// Becomes the user of `--user`, if there is one, and gives up capabilities, while there is only this thread.
///
/// # Errors
/// One line that says what is refused.
pub fn give_up_privileges(options: &Options) -> Result<(), String> {
    if let Some(user) = &options.user {
        privileges::become_user(user)?;
    }
    match options.sandbox {
        true => privileges::drop_capabilities().map_err(refused),
        false => Ok(()),
    }
}

fn refused(error: io::Error) -> String {
    format!("cannot restrict the process: {error}; --no-sandbox does without")
}

/// Gives up files and system calls that are not needed, while there is only this thread. `writable`: the directories below
/// which clients and intakes may write. True: from here on, the kernel refuses other files.
///
/// # Errors
/// One line that says what is refused.
pub fn restrict<'a>(
    options: &Options,
    writable: impl Iterator<Item = BorrowedFd<'a>>,
) -> Result<bool, String> {
    if !options.sandbox {
        return Ok(false);
    }
    let mut capabilities = vec![Capability::Serve];
    if !options.write.is_empty() || options.jobs.is_some() {
        capabilities.push(Capability::Write);
    }
    if !options.intakes.is_empty() {
        capabilities.push(Capability::Intake);
    }
    let sandbox = privileges::confine_process(&options.root, kept(options), writable);
    let sandbox = sandbox.map_err(refused)?;
    match sandbox {
        Sandbox::Landlock(abi) => {
            let write = match &*capabilities {
                [_] => "",
                _ => ", and writing where --write, --jobs and --intake write",
            };
            debug!("restricted to reading below ROOT{write} by Landlock, version {abi}");
        }
        Sandbox::Missing => {
            warn!("this kernel has no Landlock: the process keeps its access to other files");
        }
    }
    if !privileges::filter_system_calls(&capabilities).map_err(refused)? {
        warn!("this kernel has no filter for system calls: the process keeps all of them");
    }
    Ok(sandbox != Sandbox::Missing)
}

/// The files besides those below ROOT that the server needs later.
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
