//! The arguments of `openrange work`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::command::Command;
use super::table::{Parsed, Row, Table, Takes};
use crate::jobs::work::options::WorkOptions;

/// Most commands that run at the same time: a bound against typing errors.
const JOBS_MAX: usize = 1024;

/// `openrange work [OPTIONS] DIR -- CMD ARG...`
pub(super) const TABLE: Table<Given> = Table {
    command: "work",
    about: "\
openrange work takes the jobs of a directory that a server fills (--jobs) and
runs a command for each: the request is its stdin, the answer its stdout and
stderr. When the command ends, it seals the answer.
",
    usage: "[OPTIONS] DIR -- CMD ARG...",
    operands: &[
        ("DIR", "the directory of the jobs, on this machine"),
        (
            "CMD ARG...",
            "runs once for each job, with OPENRANGE_JOB, _DEADLINE and _CONTENT_TYPE in its environment. Work stops it \
             when the deadline passes, the client cancels, or somebody else seals the answer",
        ),
    ],
    operand,
    options: &[OPTIONS],
    notes: "\
Several workers may share a directory; each job runs once. After SIGTERM or
SIGINT work takes no more jobs and lets running commands finish; a second
signal stops them. Then the next worker ends their jobs as abandoned, or takes
them again if it has --retry.
Exit status: 0 after SIGTERM or SIGINT, 1 failure, 2 usage error or no such CMD.
",
};

const OPTIONS: &[Row<Given>] = &[
    Row {
        short: Some('j'),
        long: "jobs",
        takes: Takes::Value("N", |given, value| {
            given.jobs = value.number(1, JOBS_MAX)?;
            Ok(())
        }),
        text: "run up to N commands at the same time (default: 1)",
    },
    Row::value(
        "retry",
        "N",
        "take a job again, up to N times, if its worker died; otherwise it ends as abandoned (default: 0)",
        |given, value| {
            given.retry = value.number(0, usize::MAX)? as u64;
            Ok(())
        },
    ),
    Row::HELP,
];

/// What was said so far.
pub(super) struct Given {
    directory: Option<PathBuf>,
    jobs: usize,
    retry: u64,
}

fn operand(given: &mut Given, value: OsString) -> Result<(), String> {
    if given.directory.is_some() {
        let value = value.display();
        return Err(format!(
            "only one DIR has the jobs, but there is also {value}; the command follows --"
        ));
    }
    given.directory = Some(value.into());
    Ok(())
}

/// Parses the arguments after `work`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub(super) fn parse(mut arguments: Vec<OsString>) -> Result<Command, String> {
    let end = arguments.iter().position(|argument| argument == "--");
    let command = end.map(|end| arguments.split_off(end).split_off(1));
    let given = Given {
        directory: None,
        jobs: 1,
        retry: 0,
    };
    let given = match TABLE.parse(arguments, given)? {
        Parsed::Help | Parsed::Version => return Ok(Command::Print(TABLE.help(&[]))),
        Parsed::Run(given) => given,
    };
    let directory = given
        .directory
        .ok_or("DIR is missing; openrange work --help tells more")?;
    let command = command
        .filter(|command| !command.is_empty())
        .ok_or("CMD is missing: it follows --; openrange work --help tells more")?;
    Ok(Command::Work(Box::new(WorkOptions {
        directory,
        jobs: given.jobs,
        retry: given.retry,
        command,
    })))
}
