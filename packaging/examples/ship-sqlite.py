#!/usr/bin/env python3
"""openrange follow --state FILE URL -- ship-sqlite.py DATABASE

Inserts each line of the batch on stdin as a row, exactly once: one transaction holds the rows and the position behind them.
"""
import io, os, sqlite3, sys

tag, at, end = (os.environ["OPENRANGE_" + name] for name in ("ETAG", "OFFSET", "END"))
tag, at, end = tag.split('"')[1], int(at), int(end)
batch = sys.stdin.buffer.read()
if len(batch) != end - at:
    sys.exit("the batch is cut off: openrange follow was killed")
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
database.executescript("""
    create table if not exists records (id integer primary key, position text unique, line blob);
    create table if not exists positions (tag text primary key, offset integer);
""")
# A command of a killed openrange follow may still be at work: the lock comes before the look at the position.
database.execute("begin immediate")
row = database.execute("select offset from positions where tag = ?", (tag,)).fetchone()
known = row[0] if row else 0
for line in io.BytesIO(batch):
    at += len(line)
    if at > known:
        record = (f"{tag}-{at}", line.removesuffix(b"\n"))
        database.execute("insert into records (position, line) values (?, ?)", record)
database.execute("insert or replace into positions values (?, ?)", (tag, max(end, known)))
database.execute("commit")
