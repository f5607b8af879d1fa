//! NATS JetStream: positions are the ids of messages.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Record, Sink, all_installed, example, refuses_a_part, ships_exactly_once};
use crate::support::harness::{Running, TempDir, eventually};
use crate::support::machine::free_port;
use crate::support::waiting::PATIENCE;

struct Nats {
    port: String,
    home: TempDir,
    server: Option<Running>,
}

/// The head and the body of a message.
type Message = (String, Vec<u8>);

/// A client, and the subject at which it alone gets what it asked for.
struct Client {
    stream: BufReader<TcpStream>,
    inbox: String,
}

impl Client {
    fn to(port: &str) -> std::io::Result<Client> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Client {
            stream: BufReader::new(stream),
            inbox: format!("inbox.{}", COUNT.fetch_add(1, Ordering::Relaxed)),
        };
        let options = "{\"verbose\":false,\"headers\":true}";
        client.send(&format!(
            "CONNECT {options}\r\nSUB {} 1\r\nPING\r\n",
            client.inbox
        ))?;
        let mut line = String::new();
        while line.trim_end() != "PONG" {
            line.clear();
            if client.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(client)
    }

    fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    fn publish(&mut self, subject: &str, body: &str) {
        let request = format!("PUB {subject} {} {}\r\n{body}\r\n", self.inbox, body.len());
        self.send(&request).expect("a request");
    }

    fn message(&mut self) -> Message {
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).expect("a line"), 0);
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |back: usize| words[words.len() - back].parse().expect("a length");
            let (head, length): (usize, usize) = match words[0] {
                "MSG" => (0, number(1)),
                "HMSG" => (number(2), number(1)),
                _ => continue,
            };
            let mut message = vec![0; length + 2];
            self.stream.read_exact(&mut message).expect("a message");
            message.truncate(length);
            let body = message.split_off(head);
            return (String::from_utf8_lossy(&message).into_owned(), body);
        }
    }

    /// The body of the reply.
    fn ask(&mut self, subject: &str, body: &str) -> String {
        self.publish(subject, body);
        let (_, body) = self.message();
        String::from_utf8(body).expect("JSON")
    }
}

impl Nats {
    fn start() -> Nats {
        let mut nats = Nats {
            port: free_port().to_string(),
            home: TempDir::new(),
            server: None,
        };
        nats.run();
        let stream =
            "{\"name\":\"LOG\",\"subjects\":[\"LOG.*\"],\"storage\":\"file\",\"num_replicas\":1}";
        let answer = nats.client().ask("$JS.API.STREAM.CREATE.LOG", stream);
        assert!(!answer.contains("\"error\""), "{answer}");
        nats
    }

    fn run(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &self.port, "-js", "-sd"]);
        command.arg(self.home.path());
        self.server = Some(Running::new(command));
        eventually("JetStream", || {
            let client = Client::to(&self.port);
            client.is_ok_and(|mut client| client.ask("$JS.API.INFO", "").contains("\"streams\""))
        });
    }

    /// Changes a term of the stream.
    fn update(&self, term: &str) {
        let stream = format!(
            "{{\"name\":\"LOG\",\"subjects\":[\"LOG.*\"],\"storage\":\"file\",\"num_replicas\":1,{term}}}"
        );
        let answer = self.client().ask("$JS.API.STREAM.UPDATE.LOG", &stream);
        assert!(!answer.contains("\"error\""), "{answer}");
    }

    fn client(&self) -> Client {
        Client::to(&self.port).expect("a connection")
    }
}

impl Sink for Nats {
    fn command(&self) -> Command {
        let mut command = example("ship-nats.py");
        command.arg(format!("127.0.0.1:{}", self.port)).arg("LOG");
        command
    }

    fn count(&self) -> usize {
        let state = self.client().ask("$JS.API.STREAM.INFO.LOG", "");
        let (_, count) = state.split_once("\"messages\":").expect("a count");
        let digits = count.split(|char: char| !char.is_ascii_digit()).next();
        digits
            .and_then(|digits| digits.parse().ok())
            .expect("a number")
    }

    fn records(&self) -> Vec<Record> {
        let (count, mut client) = (self.count(), self.client());
        let config = format!(
            "{{\"deliver_subject\":\"{}\",\"ack_policy\":\"none\",\"deliver_policy\":\"all\"}}",
            client.inbox
        );
        let consumer = format!("{{\"stream_name\":\"LOG\",\"config\":{config}}}");
        client.publish("$JS.API.CONSUMER.CREATE.LOG", &consumer);
        let mut records = Vec::new();
        while records.len() < count {
            let (head, body) = client.message();
            // Else it is the answer to the request.
            if let Some((_, id)) = head.split_once("Nats-Msg-Id:") {
                let id = id.split_whitespace().next().expect("an id");
                records.push((id.to_owned(), body));
            }
        }
        records
    }

    fn crash(&mut self) {
        self.server.take();
        self.run();
    }
}

#[test]
fn nats() {
    if !all_installed(&["nats-server", "python3"]) {
        return;
    }
    let mut sink = Nats::start();
    ships_exactly_once(&mut sink);
    refuses_a_part(&sink);
}

/// A message that JetStream refuses holds up those after it: it is not lost once JetStream takes it.
#[test]
fn a_refused_message_is_not_passed_over() {
    if !all_installed(&["nats-server", "python3"]) {
        return;
    }
    let sink = Nats::start();
    let lines = ["one".into(), "2".repeat(200), "three".into()];
    let text = lines.join("\n") + "\n";
    let batch = TempDir::with("batch", &text);
    let ship = || {
        let mut command = sink.command();
        command
            .env("OPENRANGE_ETAG", "W/\"0123456789abcdef\"")
            .env("OPENRANGE_OFFSET", "0")
            .env("OPENRANGE_END", text.len().to_string())
            .stdin(fs::File::open(batch.join("batch")).expect("the batch"));
        command.output().expect("the program").status.success()
    };
    // The limit counts the head of a message too.
    sink.update("\"max_msg_size\":150");
    assert!(!ship());
    assert_eq!(sink.count(), 1);
    sink.update("\"max_msg_size\":-1");
    assert!(ship());
    let records = sink.records().into_iter();
    let shipped: Vec<Vec<u8>> = records.map(|(_, line)| line).collect();
    assert_eq!(shipped, lines.map(String::into_bytes));
}
