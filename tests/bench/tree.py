#!/usr/bin/env python3
"""A tree of mirrors on this machine: tests/bench/tree.py [TAILS [LINES [BINARY]]], 4,000, 300 and the release build by default.

An origin with 4 mirrors, each with 4 mirrors: every mirror is `openrange mirror` and a server of its copy. Tails at the 16 last
servers follow one log, which gets a line of 100 bytes 5 times a second. Prints for each level the time from the write to a reader
there, the processor time of each line, and the memory. It takes a minute and a half, and 41 processes.
"""
import os, re, resource, select, shutil, socket, statistics, subprocess, sys, tempfile, threading, time

TAILS, LINES = (int(word) for word in (sys.argv[1:3] + ["4000", "300"][len(sys.argv[1:3]) :]))
BINARY = sys.argv[3] if len(sys.argv) > 3 else "target/release/openrange"
LINE, PAUSE, FAN_OUT = 100, 0.2, 4


class Node:
    """A server of a directory, and the mirror that maintains the directory unless it is the origin."""

    def __init__(self, home, name, parent):
        self.root, self.mirror, quiet = f"{home}/{name}", None, {"stderr": subprocess.DEVNULL}
        os.mkdir(self.root)
        if parent:
            self.mirror = subprocess.Popen([BINARY, "mirror", f"http://127.0.0.1:{parent.port}/", self.root], **quiet)
        else:
            open(f"{self.root}/log", "wb").close()
        command = [BINARY, "--threads", "1", "--tags", "xattr", "--listen", "127.0.0.1:0", self.root]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)
        self.port = int(re.search(rb":(\d+)/", self.server.stdout.readline()).group(1))

    def processes(self):
        return [process for process in (self.mirror, self.server) if process]


def tail(node):
    """A connection behind the head of the response."""
    connection = socket.create_connection(("127.0.0.1", node.port))
    connection.sendall(b"GET /log HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    assert b" 206 " in head, head
    return connection


def drain(tails, over, counts):
    """Takes what all tails get."""
    poller = select.epoll()
    for connection in tails:
        connection.setblocking(False)
        poller.register(connection, select.EPOLLIN)
    by_number = {connection.fileno(): connection for connection in tails}
    ends = dict.fromkeys(by_number, b"")
    while not over.is_set():
        for number, _ in poller.poll(0.1):
            data = ends[number] + by_number[number].recv(65536)
            ends[number] = data[-1:]
            counts[0] += data.count(b"x\n")


def cpu(process):
    """Processor time of all its threads so far, in seconds (/proc/PID/task/TID/schedstat)."""
    tasks = f"/proc/{process.pid}/task"
    return sum(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks)) / 1e9


def memory(process):
    """Its own, and its part of what it shares, in KiB."""
    return int(re.search(r"Pss:\s+(\d+)", open(f"/proc/{process.pid}/smaps_rollup").read()).group(1))


def measure(levels):
    """Writes the lines; the delays of each level, in milliseconds."""
    probes = [tail(level[-1]) for level in levels]
    poller = select.poll()
    for probe in probes:
        poller.register(probe, select.POLLIN)
    numbers = {probe.fileno(): level for level, probe in enumerate(probes)}
    delays = [[] for _ in levels]
    with open(f"{levels[0][0].root}/log", "ab", buffering=0) as log:
        for sent in range(LINES):
            due = time.monotonic() + PAUSE
            line = f"{sent:08}".encode() + b"x" * (LINE - 9) + b"\n"
            start = time.monotonic()
            log.write(line)
            left = {probe.fileno(): probe for probe in probes}
            while left:
                ready = [number for number, _ in poller.poll(10_000)]
                now = time.monotonic()
                assert ready, "a line is late"
                for number in ready:
                    if left[number].recv(4096).endswith(b"\n\r\n"):
                        delays[numbers[number]].append((now - start) * 1000)
                        del left[number]
            time.sleep(max(0, due - time.monotonic()))
    return delays


def main():
    home = tempfile.mkdtemp()
    levels, over, counts = [[]], threading.Event(), [0]
    try:
        levels[0].append(Node(home, "origin", None))
        for depth in (1, 2):
            parents = levels[-1]
            levels.append([])
            for parent in parents:
                for number in range(FAN_OUT):
                    levels[-1].append(Node(home, f"{depth}.{len(levels[-1])}", parent))
            for node in levels[-1]:
                while not os.path.exists(f"{node.root}/log"):
                    time.sleep(0.01)
        before = [memory(node.server) for node in levels[-1]]
        tails = [tail(levels[-1][number % len(levels[-1])]) for number in range(TAILS)]
        thread = threading.Thread(target=drain, args=(tails, over, counts))
        thread.start()
        after = [memory(node.server) for node in levels[-1]]
        begun = {process.pid: cpu(process) for level in levels for node in level for process in node.processes()}
        delays = measure(levels)
        time.sleep(1)
        print(f"{TAILS} tails, {LINES} lines, {counts[0]} of {TAILS * LINES} deliveries")
        print("| level | servers | delay, median, 95 %, in ms | mirror: µs a line, KiB | server: µs a line, KiB |")
        print("|---|---|---|---|---|")
        for depth, level in enumerate(levels):
            used = lambda processes: sum(cpu(p) - begun[p.pid] for p in processes) / len(processes) / LINES * 1e6
            show = lambda processes: f"{used(processes):.0f}, {statistics.mean(map(memory, processes)):.0f}"
            mirrors, servers = [node.mirror for node in level if node.mirror], [node.server for node in level]
            row = sorted(delays[depth])
            times = f"{statistics.median(row):.1f}, {row[int(len(row) * 0.95)]:.1f}"
            print(f"| {depth} | {len(level)} | {times} | {show(mirrors) if mirrors else '-'} | {show(servers)} |")
        print(f"a tail: {(sum(after) - sum(before)) * 1024 / TAILS:.0f} bytes")
        over.set()
        thread.join()
    finally:
        over.set()
        for level in levels:
            for node in level:
                for process in node.processes():
                    process.kill()
                    process.wait()
        shutil.rmtree(home)


limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
main()
