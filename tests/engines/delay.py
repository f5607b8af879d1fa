"""delay.py ENGINE DIRECTORY APPENDS: how long an append through the mount `writer` takes to a reader at a head on the mount `b`.

Once by polls alone, once told by a head on the mount of the writer (--peer).
"""
import os, random, secrets, socket, statistics, sys, time

from heads import Head, record, until

engine, home, appends = sys.argv[1], sys.argv[2], int(sys.argv[3])


def tail(head):
    """A connection that gets the log from its first byte on, read up to the end of the head of the response."""
    connection = socket.create_connection(("127.0.0.1", head.port), timeout=30)
    request = "GET /delay HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-\r\n\r\n"
    connection.sendall(request.encode())
    reader = connection.makefile("rb")
    assert b" 206 " in reader.readline()
    while reader.readline() != b"\r\n":
        pass
    return connection, reader


def chunks(reader, length):
    """Reads chunks with so many bytes together."""
    while length > 0:
        size = int(reader.readline(), 16)
        reader.read(size + 2)
        length -= size


def measure(there, *others):
    """Milliseconds of each append, sorted. Each opens the log, writes a line and closes it, as `echo >>` does."""
    delays = []
    readers = [tail(head) for head in (there, *others)]
    for number in range(appends):
        time.sleep(random.uniform(0.05, 0.4))
        line = record(number, 80)
        start = time.monotonic()
        with open(f"{home}/writer/delay", "ab", buffering=0) as log:
            log.write(line)
        chunks(readers[0][1], len(line))
        delays.append((time.monotonic() - start) * 1000)
        for _, reader in readers[1:]:
            chunks(reader, len(line))
    return sorted(delays)


def show(how, delays):
    middle, most = statistics.median(delays), delays[int(len(delays) * 0.95)]
    print(f"| {engine} | {how} | {len(delays)} | {middle:.0f} | {most:.0f} | {delays[-1]:.0f} |", flush=True)


def fresh():
    """An empty log, which both see."""
    open(f"{home}/writer/delay", "wb").close()
    for mount in ("b", "writer"):
        until("the log", lambda: reads(f"{home}/{mount}/delay") == b"")


def reads(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


with open(f"{home}/key", "w") as key:
    key.write(secrets.token_hex(32))
fresh()
there = Head(f"{home}/b", f"{home}/delay.log")
try:
    show("polls", measure(there))
finally:
    there.kill()
os.unlink(f"{home}/writer/delay")
time.sleep(3)
fresh()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
key = f"--peer-key={home}/key"
there = Head(f"{home}/b", f"{home}/delay.log", key, "--peer-listen", address)
here = Head(f"{home}/writer", f"{home}/delay.log", key, "--peer", address)
try:
    show("`--peer`", measure(there, here))
finally:
    there.kill()
    here.kill()
os.unlink(f"{home}/writer/delay")
