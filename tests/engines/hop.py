"""hop.py ENGINE DIRECTORY ROLLS: readers that go from head to head get each record once.

A writer appends records through the mount `writer` and rolls the log. Heads serve the mounts `a` and `b`; they are killed in
turn. `openrange follow` reads through a forwarder, which leads each connection to one of the heads and cuts it after a while;
each reader is stopped and started again with its state. Prints a row: what was done, and what arrived.
"""
import asyncio, os, random, subprocess, sys, threading, time

from heads import BINARY, Head, record, stop, until

READERS = 3
engine, home, rolls = sys.argv[1], sys.argv[2], int(sys.argv[3])
counts = {"kills": 0, "cuts": 0, "stops": 0}
over = threading.Event()
written = []


def write():
    """Appends and rolls; a rolled file has a date behind its name."""
    number = 0
    for roll in range(rolls + 1):
        end = time.monotonic() + random.uniform(0.5, 1.5)
        with open(f"{home}/writer/log", "ab", buffering=0) as log:
            while time.monotonic() < end:
                for _ in range(random.randrange(1, 5)):
                    line = record(number, random.randrange(10, 300))
                    log.write(line)
                    written.append(line)
                    number += 1
                time.sleep(random.uniform(0.005, 0.1))
            os.fsync(log.fileno())
        if roll < rolls:
            os.rename(f"{home}/writer/log", f"{home}/writer/log-{1_700_000_000 + roll}")


def disturb(heads):
    """Kills one head after the other; one of them lives."""
    turn = 0
    while not over.wait(random.uniform(2, 6)):
        head = heads[turn % len(heads)]
        head.kill()
        over.wait(random.uniform(0.1, 1))
        head.start()
        counts["kills"] += 1
        turn += 1


class Reader:
    """`openrange follow`, its state and what it has written."""

    def __init__(self, number, port):
        self.output, self.state = f"{home}/output{number}", f"{home}/state{number}"
        self.port, self.ends = port, []
        self.start()

    def start(self):
        command = [BINARY, "follow", "--state", self.state, f"http://127.0.0.1:{self.port}/log"]
        with open(self.output, "ab") as output, open(f"{home}/follow.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=output, stderr=log)

    def stop_at_times(self):
        while not over.wait(random.uniform(3, 9)):
            self.ends.append(stop(self.process))
            self.start()
            counts["stops"] += 1

    def content(self):
        with open(self.output, "rb") as output:
            return output.read()


async def forward(heads, ready):
    """Leads each connection to a head, chosen at random, and cuts it after a while."""

    async def copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def serve(reader, writer):
        try:
            port = random.choice(heads).port
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
            both = asyncio.gather(copy(reader, to_writer), copy(to_reader, writer), return_exceptions=True)
            done, _ = await asyncio.wait([both], timeout=random.uniform(0.3, 4))
            if not done:
                counts["cuts"] += 1
                writer.transport.abort()
                to_writer.transport.abort()
                await both
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ready.append(server.sockets[0].getsockname()[1])
    while not over.is_set():
        await asyncio.sleep(0.2)
    server.close()


def judge(content, expected):
    """What is wrong with it, in a few words; nothing."""
    if content == expected:
        return None
    got, wrote = content.splitlines(), expected.splitlines()
    there = set(got)
    lost = [number for number, line in enumerate(wrote) if line not in there]
    where = f" ({lost[0]} to {lost[-1]})" if lost else ""
    more = len(got) - len(set(got))
    return f"{len(got)} lines of {len(wrote)}, {len(lost)} missing{where}, {more} twice, {content.count(0)} NUL"


def main():
    os.close(os.open(f"{home}/writer/log", os.O_CREAT | os.O_WRONLY))
    for mount in ("a", "b"):
        until("the log", lambda: os.path.exists(f"{home}/{mount}/log"))
    heads = [Head(f"{home}/{mount}", f"{home}/head-{mount}.log") for mount in ("a", "b")]
    ready, threads, readers = [], [], []
    try:
        threads.append(threading.Thread(target=lambda: asyncio.run(forward(heads, ready))))
        threads[0].start()
        until("the forwarder", lambda: ready)
        readers = [Reader(number, ready[0]) for number in range(READERS)]
        threads += [threading.Thread(target=reader.stop_at_times) for reader in readers]
        threads.append(threading.Thread(target=disturb, args=(heads,)))
        for thread in threads[1:]:
            thread.start()
        write()
        expected = b"".join(written)
        end = time.monotonic() + 60
        while time.monotonic() < end and any(len(r.content()) < len(expected) for r in readers):
            time.sleep(0.2)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        ends = {stop(reader.process) for reader in readers} | {end for reader in readers for end in reader.ends}
        for head in heads:
            head.kill()
    faults = [fault for reader in readers if (fault := judge(reader.content(), expected))]
    if ends != {0}:
        faults.append(f"ended with {ends}")
    result = "; ".join(faults) or "each exactly once"
    done = f"{rolls} rolls, {counts['kills']} heads killed, {counts['cuts']} connections cut, {counts['stops']} readers stopped"
    print(f"| {engine} | {READERS} x {len(written)} | {done} | {result} |", flush=True)
    return bool(faults)


sys.exit(main())
