//! The program: parses the command line, runs the command, says in one line why it failed, and sets the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use openrange::cli::{self, Command};
use openrange::client::{self, end::End};
use openrange::hooks;
use openrange::jobs::work;
use openrange::log::line::Format;
use openrange::log::{logger, stderr};
use openrange::os;
use openrange::os::signals::survive_file_size_limit;
use openrange::server;

fn main() -> ExitCode {
    if let Err(error) = survive_file_size_limit() {
        return fail(&format!("cannot handle SIGXFSZ: {error}"), 1);
    }
    os::keep_ends_of_children();
    match cli::parse(std::env::args_os().skip(1)) {
        Err(why) => fail(&why, 2),
        Ok(command) => run(command),
    }
}

fn run(command: Command) -> ExitCode {
    let (level, format) = match &command {
        Command::Serve(options) => (options.log_level, options.log_format),
        _ => (None, Format::Text),
    };
    logger::start(level, format);
    match command {
        Command::Print(text) => print(&text),
        Command::Serve(options) => match server::run(&options) {
            Err(why) => fail(&why, 1),
            Ok(()) => ExitCode::SUCCESS,
        },
        Command::Work(options) => match work::program::check(&options.command[0]) {
            Err(why) => fail(&why, 2),
            Ok(()) => match work::run(*options) {
                Err(why) => fail(&why, 1),
                Ok(()) => ExitCode::SUCCESS,
            },
        },
        Command::Follow(options) => finish(client::run::run(*options)),
        Command::Hooks(options) => finish(hooks::run::run(*options)),
        Command::Mirror(options) => finish(client::mirror::run::run(&options)),
    }
}

/// The exit status for how a client ended.
fn finish(end: io::Result<End>) -> ExitCode {
    match end {
        Ok(End::Success) => ExitCode::SUCCESS,
        Ok(End::Failure(why)) => fail(&why, 1),
        Ok(End::Gap(what)) => fail(&what, 3),
        Ok(End::Locked(why)) => fail(&why, 4),
        Err(why) => fail(&why.to_string(), 1),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(why: &str, code: u8) -> ExitCode {
    // Not through the log: RUST_LOG must not hide why the program failed.
    stderr::say(why);
    code.into()
}
