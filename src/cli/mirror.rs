//! The arguments of `openrange mirror`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::command::Command;
use super::connection::{self, Connection, HasConnection, url};
use super::follow::on_gap;
use super::table::{Parsed, Row, Table};
use crate::client::mirror::rule::{Rule, Subject};
use crate::client::mirror::run::Options;
use crate::client::settings::OnGap;
use crate::client::url::Url;

const LATE: Duration = Duration::from_secs(5);

/// `openrange mirror [OPTIONS] URL DIR`
pub(super) const TABLE: Table<Given> = Table {
    command: "mirror",
    about: "\
openrange mirror maintains a copy of one file, or of the files of a directory and
everything that appears in it, with the same names and the same rolls. A server
on DIR can serve it again.
",
    usage: "[OPTIONS] URL DIR",
    operands: &[
        (
            "URL",
            "http://HOST[:PORT]/PATH, or http+unix://%2Frun%2Fx.sock/PATH; also https://, if openrange was built with the \
             cargo feature tls. It names a directory if it ends with a slash",
        ),
        (
            "DIR",
            "the directory of the copies; mirror creates it if it is missing",
        ),
    ],
    operand,
    options: &[OPTIONS, &connection::options(), &[Row::HELP]],
    notes: "\
The mirror touches only files that it has created; DIR/.openrange-mirror lists
them. Each copy has the tag of its file in the extended attribute
user.openrange.tag; a server with --tags xattr announces that.

Exit status: 0 success (also after SIGTERM), 1 failure, 2 usage error, 3 a
generation of the file is gone, 4 another mirror uses DIR.
",
};

const OPTIONS: &[Row<Given>] = &[
    Row::flag(
        "recursive",
        "also copy subdirectories, up to 16 levels deep and 1000 in all, except those whose names begin with a dot",
        |given| given.recursive = true,
    ),
    Row::flag(
        "delete",
        "remove copies of files that were removed at the origin",
        |given| given.delete = true,
    ),
    Row::value(
        "on-gap",
        "WHAT",
        "what to do if a generation of the file is gone before all of it was copied: fail, or continue with the oldest \
         or the latest one (default: fail)",
        |given, value| {
            given.on_gap = on_gap(&value.string()?)?;
            Ok(())
        },
    ),
    Row::value(
        "late",
        "SECONDS",
        "how long to keep copying what a writer still appends to a rolled file, if URL names a file (default: 5)",
        |given, value| {
            given.late = value.seconds()?;
            Ok(())
        },
    ),
    Row::flag(
        "fsync",
        "flush the copies to disk every second, so that a power failure loses at most that second; this wears flash \
         memory",
        |given| given.fsync = true,
    ),
    Row::flag(
        "until-caught-up",
        "stop once everything is copied",
        |given| given.once = true,
    ),
    Row::flag(
        "fail",
        "exit with 1 if the server refuses URL, or has no such file; without this option, and for the files of a \
         directory, mirror tries again",
        |given| given.fail = true,
    ),
];

/// What was given so far.
pub(super) struct Given {
    operands: Vec<OsString>,
    recursive: bool,
    delete: bool,
    on_gap: OnGap,
    late: Duration,
    once: bool,
    fsync: bool,
    fail: bool,
    connection: Connection,
}

impl HasConnection for Given {
    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

fn operand(given: &mut Given, value: OsString) -> Result<(), String> {
    if given.operands.len() == 2 {
        return Err(format!(
            "only one directory can be the mirror, but there is also {}",
            value.display()
        ));
    }
    given.operands.push(value);
    Ok(())
}

/// URL and DIR.
fn operands(given: &[OsString]) -> Result<(Url, PathBuf), String> {
    let first = given
        .first()
        .ok_or("URL is missing; openrange mirror --help tells more")?;
    let is_url = |value: &OsString| value.to_str().is_some_and(|text| text.contains("://"));
    if let Some(second) = given.get(1)
        && !is_url(first)
        && is_url(second)
    {
        let (first, second) = (first.display(), second.display());
        return Err(format!(
            "the URL comes first: openrange mirror {second} {first}"
        ));
    }
    let text = first
        .to_str()
        .ok_or_else(|| format!("{}: a URL is ASCII", first.display()))?;
    let url = url(text)?;
    let directory = given
        .get(1)
        .ok_or("DIR is missing; openrange mirror --help tells more")?;
    Ok((url, directory.into()))
}

/// Parses the arguments after `mirror`.
///
/// # Errors
/// One line that names the wrong argument and says what is right.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Command, String> {
    let given = Given {
        operands: Vec::new(),
        recursive: false,
        delete: false,
        on_gap: OnGap::Fail,
        late: LATE,
        once: false,
        fsync: false,
        fail: false,
        connection: Connection::default(),
    };
    let given = match TABLE.parse(arguments, given)? {
        Parsed::Run(given) => given,
        Parsed::Help => return Ok(Command::Print(TABLE.help(&[]))),
        Parsed::Version => return Ok(Command::Print(String::new())),
    };
    let (url, directory) = operands(&given.operands)?;
    if given.recursive && !url.is_directory() {
        return Err(format!(
            "--recursive is for a directory: did you mean {url}/ ?"
        ));
    }
    let subject = match url.is_directory() {
        true => Subject::Directory(url.path.clone()),
        false => Subject::File(url.path.clone()),
    };
    Ok(Command::Mirror(Box::new(Options {
        rule: Rule {
            subject,
            recursive: given.recursive,
            delete: given.delete,
            fail: given.fail,
            once: given.once,
            fsync: given.fsync,
            on_gap: given.on_gap,
            late: given.late,
        },
        trust: given.connection.certificates.trust(url.is_tls())?,
        url,
        directory,
        fields: given.connection.fields,
        max_rate: given.connection.max_rate,
    })))
}
