//! The arguments of `openrange hooks`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::certificates::{self, Certificates, HasCertificates};
use super::command::Command;
use super::table::{Parsed, Row, Table};
use crate::hooks::callback::Origin;
use crate::hooks::options::HookOptions;
use crate::hooks::pauses::Pauses;
use crate::limits::HOOK_TIMEOUT;

/// The state file, in the directory of the jobs.
const STATE: &str = ".hooks";

/// `openrange hooks [OPTIONS] DIR`
pub(super) const TABLE: Table<Given> = Table {
    command: "hooks",
    about: "\
openrange hooks sends a notification (Standard Webhooks) for each job of a
directory that has ended, to the URL that its request named in
Prefer: callback; url=\"...\", if --allow lists the origin of that URL.
",
    usage: "--allow ORIGIN --secret FILE [OPTIONS] DIR",
    operands: &[("DIR", "the directory of the jobs, on this machine")],
    operand,
    options: &[OPTIONS, &certificates::options(), MORE],
    notes: "\
Hooks sends each notification at least once, even after a crash; webhook-id, the
name of the job, identifies a repetition. 2xx: the target has it. 410: the URL
gets no further notifications. After anything else, including a redirect, hooks
tries again after a pause, as long as the server keeps the files of the job;
other URLs do not wait. If 1,000 are behind (fewer with several --allow), further
URLs of the same origin do.
Exit status: 0 after SIGTERM or SIGINT, 1 failure, 2 usage error, 4 another
openrange hooks uses the state file.
",
};

const OPTIONS: &[Row<Given>] = &[Row::value(
    "allow",
    "ORIGIN",
    "http://HOST[:PORT], https://HOST[:PORT] or http+unix://%2Frun%2Fx.sock; hooks may notify URLs of this origin; \
         may be repeated (required)",
    |given, value| {
        let origin = Origin::parse(&value.string()?).map_err(|why| value.wrong(why))?;
        given.allow.push(origin);
        Ok(())
    },
)];

const MORE: &[Row<Given>] = &[
    Row::value(
        "secret",
        "FILE",
        "a file with the signing secret, as whsec_ and base64; or with several, one per line, while receivers change \
         from one to another (required)",
        |given, value| {
            given.secret = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "state",
        "FILE",
        "the file in which hooks records what it has sent (default: .hooks in DIR)",
        |given, value| {
            given.state = Some(value.path()?);
            Ok(())
        },
    ),
    Row::value(
        "pauses",
        "SECONDS,...",
        "how long to wait before the second attempt, the third and so on; the last number repeats (default: \
         5,300,1800,7200,18000,36000,50400,72000,86400)",
        |given, value| {
            given.pauses = Pauses::new(value.list_of_seconds()?);
            Ok(())
        },
    ),
    Row::value(
        "timeout",
        "SECONDS",
        "how long one attempt may take (default: 20)",
        |given, value| {
            given.timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::flag(
        "no-sandbox",
        "keep the access to files and ports that hooks otherwise gives up",
        |given| given.sandbox = false,
    ),
    Row::HELP,
];

/// What was said so far.
pub(super) struct Given {
    directory: Option<PathBuf>,
    allow: Vec<Origin>,
    certificates: Certificates,
    secret: Option<PathBuf>,
    state: Option<PathBuf>,
    pauses: Pauses,
    timeout: Duration,
    sandbox: bool,
}

impl HasCertificates for Given {
    fn certificates(&mut self) -> &mut Certificates {
        &mut self.certificates
    }
}

fn operand(given: &mut Given, value: OsString) -> Result<(), String> {
    if given.directory.is_some() {
        let value = value.display();
        return Err(format!(
            "only one DIR has the jobs, but there is also {value}"
        ));
    }
    given.directory = Some(value.into());
    Ok(())
}

/// Parses the arguments after `hooks`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Command, String> {
    let given = Given {
        directory: None,
        allow: Vec::new(),
        certificates: Certificates::default(),
        secret: None,
        state: None,
        pauses: Pauses::default(),
        timeout: HOOK_TIMEOUT,
        sandbox: true,
    };
    let given = match TABLE.parse(arguments, given)? {
        Parsed::Help | Parsed::Version => return Ok(Command::Print(TABLE.help(&[]))),
        Parsed::Run(given) => given,
    };
    let directory = given
        .directory
        .ok_or("DIR is missing; openrange hooks --help tells more")?;
    if given.allow.is_empty() {
        return Err("--allow ORIGIN is missing: which origins may be notified".into());
    }
    let secret = given
        .secret
        .ok_or("--secret FILE is missing: it signs the notifications")?;
    Ok(Command::Hooks(Box::new(HookOptions {
        state: given.state.unwrap_or_else(|| directory.join(STATE)),
        directory,
        trust: given
            .certificates
            .trust(given.allow.iter().any(|origin| origin.server.is_tls()))?,
        allow: given.allow,
        secret,
        pauses: given.pauses,
        timeout: given.timeout,
        sandbox: given.sandbox,
    })))
}
