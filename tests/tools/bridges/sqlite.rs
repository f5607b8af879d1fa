//! SQLite: one transaction for the rows and the position.

use std::process::Command;

use super::{Record, Sink, all_installed, example, refuses_a_part, ships_exactly_once};
use crate::support::harness::TempDir;

const RECORDS: &str = "\
import os, sqlite3, sys
if os.path.exists(sys.argv[1]):
    database = sqlite3.connect(sys.argv[1], timeout=60)
    if database.execute(\"select 1 from sqlite_master where name = 'records'\").fetchone():
        for position, line in database.execute('select position, line from records order by id'):
            sys.stdout.buffer.write(position.encode() + b'\\t' + line + b'\\n')
";

struct Sqlite(TempDir);

impl Sink for Sqlite {
    fn command(&self) -> Command {
        let mut command = example("ship-sqlite.py");
        command.arg(self.0.join("db"));
        command
    }

    fn records(&self) -> Vec<Record> {
        let mut command = Command::new("python3");
        command.env("PATH", super::search_path());
        command.args(["-c", RECORDS]).arg(self.0.join("db"));
        super::kafka::keyed(&mut command)
    }
}

#[test]
fn sqlite() {
    if !all_installed(&["python3"]) {
        return;
    }
    let mut sink = Sqlite(TempDir::new());
    ships_exactly_once(&mut sink);
    refuses_a_part(&sink);
}
