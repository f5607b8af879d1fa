"""Servers of the mounts, and records that cannot be mistaken for others."""
import hashlib, os, re, signal, subprocess, time

BINARY = os.environ["OPENRANGE"]


class Head:
    """A server of a directory, always at the same port."""

    def __init__(self, root, log, *options):
        self.root, self.log, self.options, self.port = root, log, options, 0
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            listen = f"127.0.0.1:{self.port}"
            command = [BINARY, "--threads", "1", "--listen", listen, *self.options, self.root]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline().decode()
        self.port = int(re.search(r":(\d+)/", line).group(1))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def stop(process):
    """As a service manager does it; how it ended."""
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def record(number, size):
    """A line that says which one it is, with a checksum."""
    body = f"{number} {'x' * size}"
    return f"{body} {hashlib.md5(body.encode()).hexdigest()[:8]}\n".encode()


def until(what, happened, seconds=30):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise SystemExit(f"waited too long for {what}")
        time.sleep(0.02)
