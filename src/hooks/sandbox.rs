//! What `openrange hooks` gives up before it connects to anybody.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use log::warn;

use super::options::HookOptions;
use crate::client::url::Server;
use crate::os::privileges::{self, Sandbox};

/// Where the resolver looks, if a host has to be looked up.
const RESOLVER: [&str; 6] = ["/etc", "/run", "/lib", "/lib64", "/usr/lib", "/usr/lib64"];
/// A resolver asks over TCP when an answer is long.
const DNS: u16 = 53;

/// Gives up all capabilities, all files but the directory of the jobs and the state file, and connections to all ports but
/// those of the origins that are listed.
///
/// # Errors
/// If the kernel can and refuses.
pub fn enter(options: &HookOptions) -> io::Result<()> {
    if !options.sandbox {
        return Ok(());
    }
    privileges::drop_capabilities()?;
    let mut readable = vec![options.directory.as_path()];
    let mut ports = Vec::new();
    for origin in &options.allow {
        if let Server::Tcp { host, port, .. } = &origin.server {
            ports.push(*port);
            if host.parse::<IpAddr>().is_err() {
                ports.push(DNS);
                readable.extend(RESOLVER.map(Path::new));
            }
        }
    }
    if privileges::confine_sender(&readable, &options.state, &ports)? == Sandbox::Missing {
        warn!("this kernel has no Landlock: the process keeps its access to other files");
    }
    Ok(())
}
