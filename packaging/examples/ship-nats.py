#!/usr/bin/env python3
"""openrange follow --state FILE URL -- ship-nats.py HOST:PORT STREAM

Publishes each line of the batch on stdin to a stream of NATS JetStream, exactly once. The stream takes the subjects STREAM.*,
one for each generation of the log. A message has the position behind its line as its id: JetStream drops an id that it got in
the last two minutes (`duplicate_window`), and this program begins behind the last message of the subject. JetStream takes a
message only behind the one before it, so a message that it refuses keeps those after it out as well.
"""
import base64, io, json, os, socket, sys

WINDOW = 500  # messages before it waits for their acknowledgements

tag, at, end = (os.environ["OPENRANGE_" + name] for name in ("ETAG", "OFFSET", "END"))
tag, at, end = tag.split('"')[1], int(at), int(end)
batch = sys.stdin.buffer.read()
if len(batch) != end - at:
    sys.exit("the batch is cut off: openrange follow was killed")
address, stream = sys.argv[1:]
host, port = address.rsplit(":", 1)
subject, inbox = f"{stream}.{tag}", "_INBOX." + os.urandom(12).hex()
connection = socket.create_connection((host, int(port)), timeout=30)
replies = connection.makefile("rb")


def reply():
    """The next message: a JSON object."""
    while line := replies.readline():
        word, *rest = line.split() or [b""]
        if word == b"PING":
            connection.sendall(b"PONG\r\n")
        elif word == b"MSG":
            return json.loads(replies.read(int(rest[-1]) + 2))
        elif word in (b"-ERR", b"HMSG"):  # an answer with a head and no body: nobody listens at this subject
            sys.exit(f"NATS: {line.decode().strip()}")
    sys.exit("NATS closed the connection")


options = {"verbose": False, "headers": True, "no_responders": True, "auth_token": os.environ.get("NATS_TOKEN", "")}
last = json.dumps({"last_by_subj": subject})
connection.sendall(
    f"CONNECT {json.dumps(options)}\r\nSUB {inbox} 1\r\n"
    f"PUB $JS.API.STREAM.MSG.GET.{stream} {inbox} {len(last)}\r\n{last}\r\n".encode()
)
answer = reply()
known = 0
if "message" in answer:
    head = base64.b64decode(answer["message"]["hdrs"]).decode()
    known = int(head.split("Nats-Msg-Id:")[1].split()[0].rsplit("-", 1)[1])
elif answer["error"]["err_code"] != 10037:  # no message found
    sys.exit(f"NATS: {answer['error']['description']}")

messages, before = [], ""
for line in io.BytesIO(batch):
    at += len(line)
    if at > known:
        head = f"NATS/1.0\r\nNats-Msg-Id: {tag}-{at}\r\n{before}\r\n".encode()
        before = f"Nats-Expected-Last-Msg-Id: {tag}-{at}\r\n"
        body = head + line.removesuffix(b"\n")
        messages.append(f"HPUB {subject} {inbox} {len(head)} {len(body)}\r\n".encode() + body + b"\r\n")
for first in range(0, len(messages), WINDOW):
    window = messages[first : first + WINDOW]
    connection.sendall(b"".join(window))
    for _ in window:
        answer = reply()
        if "error" in answer:
            sys.exit(f"NATS: {answer['error']['description']}")
