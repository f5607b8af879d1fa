//! What was said on the command line of the server so far.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::server::options::Options;

/// Options that are being parsed.
#[derive(Default)]
pub struct Serve {
    pub options: Options,
    root: Option<PathBuf>,
}

impl Serve {
    /// All that was said, with the defaults for what was not.
    ///
    /// # Errors
    /// One line: options that do not go together.
    pub fn finish(self) -> Result<Options, String> {
        let options = Options {
            root: self.root.unwrap_or(self.options.root),
            ..self.options
        };
        if let Some(intake) = options.open_intake() {
            return Err(format!(
                "--intake: other machines can reach {intake}; say with --intake-open that they may send"
            ));
        }
        let tells = !options.peers.is_empty() || options.peer_listen.is_some();
        if tells != options.peer_key.is_some() {
            return Err(String::from(match tells {
                true => {
                    "--peer and --peer-listen need --peer-key FILE, with a secret that all servers have"
                }
                false => "--peer-key needs --peer or --peer-listen",
            }));
        }
        match options.open_to_all_writers(&options.listen) {
            Some(address) => Err(format!(
                "--write, --jobs: other machines can reach {address}; say with --token-file who may write"
            )),
            None => Ok(options),
        }
    }
}

pub(super) fn root(serve: &mut Serve, value: OsString) -> Result<(), String> {
    match &serve.root {
        None => serve.root = Some(value.into()),
        Some(root) => {
            let (root, value) = (root.display(), value.display());
            return Err(format!(
                "only one ROOT can be served, but there are {root} and {value}; the commands are follow, mirror, work and hooks"
            ));
        }
    }
    Ok(())
}
