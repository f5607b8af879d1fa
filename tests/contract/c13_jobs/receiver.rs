//! A receiver of notifications, which does as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::c11_following::unix_url;
use crate::support::harness::eventually;

/// The secret that every notification here is signed with: the example of Standard Webhooks.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What came.
#[derive(Debug, Clone)]
pub struct Notification {
    pub path: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Notification {
    pub fn field(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no {name}: {self:?}")).1
    }

    /// The job that it tells of.
    pub fn id(&self) -> &str {
        self.field("webhook-id")
    }
}

/// What the receiver does with a notification: the bytes of its response; nothing: it closes the connection. Forever: it
/// keeps the connection and says nothing.
#[derive(Clone)]
pub enum Reply {
    Bytes(String),
    Silence,
}

pub fn status(status: u16) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"))
}

type Rule = Arc<dyn Fn(&Notification, usize) -> Reply + Send + Sync>;

/// See the module.
pub struct Receiver {
    pub origin: String,
    came: Arc<Mutex<Vec<Notification>>>,
}

impl Receiver {
    /// On a free port. The rule gets the notification and how many came to its path before.
    pub fn start(rule: impl Fn(&Notification, usize) -> Reply + Send + Sync + 'static) -> Receiver {
        Receiver::at("127.0.0.1:0", rule)
    }

    pub fn at(
        address: &str,
        rule: impl Fn(&Notification, usize) -> Reply + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let receiver = Receiver::new(format!("http://{address}"));
        let (came, rule): (_, Rule) = (Arc::clone(&receiver.came), Arc::new(rule));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, Arc::clone(&came), Arc::clone(&rule));
            }
        });
        receiver
    }

    pub fn unix(path: &Path) -> Receiver {
        let listener = UnixListener::bind(path).expect("a socket");
        let receiver = Receiver::new(unix_url(path, ""));
        let came = Arc::clone(&receiver.came);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, Arc::clone(&came), Arc::new(|_, _| status(200)));
            }
        });
        receiver
    }

    fn new(origin: String) -> Receiver {
        Receiver {
            origin,
            came: Arc::default(),
        }
    }

    /// Everything that came until now.
    pub fn came(&self) -> Vec<Notification> {
        self.came.lock().expect("came").clone()
    }

    /// The jobs of which a path was told, in order.
    pub fn told(&self, path: &str) -> Vec<String> {
        let came = self.came();
        let of_path = came.iter().filter(|one| one.path == path);
        of_path.map(|one| one.id().to_owned()).collect()
    }

    /// Waits until a path was told of these jobs, in order, and of no others.
    pub fn wait_for(&self, path: &str, ids: &[&str]) {
        eventually(
            &format!("{ids:?} at {path}, not {:?}", self.told(path)),
            || self.told(path) == ids,
        );
    }
}

fn serve<S>(stream: S, came: Arc<Mutex<Vec<Notification>>>, rule: Rule)
where
    S: Read + Write + Send + 'static,
{
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        while let Some(notification) = read(&mut stream) {
            check(&notification);
            let before = {
                let mut came = came.lock().expect("came");
                let before = came.iter().filter(|one| one.path == notification.path);
                let before = before.count();
                came.push(notification.clone());
                before
            };
            match rule(&notification, before) {
                Reply::Bytes(bytes) => {
                    let sent = stream.get_mut().write_all(bytes.as_bytes());
                    // One that does not say where it ends, or promises more, ends with its connection.
                    let whole = bytes.contains("Content-Length: 0\r\n");
                    if sent.is_err() || !whole {
                        return;
                    }
                }
                Reply::Silence => {
                    let _ = stream.read(&mut [0]);
                    return;
                }
            }
        }
    });
}

fn read(stream: &mut impl BufRead) -> Option<Notification> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let path = line.strip_prefix("POST ")?.strip_suffix(" HTTP/1.1\r\n")?;
    let path = path.to_owned();
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        fields.push((name.to_owned(), value.to_owned()));
    }
    let mut notification = Notification {
        path,
        fields,
        body: String::new(),
    };
    let length = notification
        .field("Content-Length")
        .parse()
        .expect("a length");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    notification.body = String::from_utf8(body).expect("text");
    Some(notification)
}

/// Every notification is signed, and of now.
fn check(notification: &Notification) {
    let time = notification.field("webhook-timestamp");
    let signed = format!("{}.{time}.{}", notification.id(), notification.body);
    let key = base64(KEY);
    let code = hmac_sha256::HMAC::mac(signed.as_bytes(), &key);
    let signature = notification.field("webhook-signature");
    let own = signature
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| base64(one) == code);
    assert!(own, "{notification:?}");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    let time: u64 = time.parse().expect("a number");
    assert!(time <= now && now - time < 60, "{time} at {now}");
}

/// Decodes by a table, slowly.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').chars();
    let bits: String = digits
        .map(|digit| format!("{:06b}", DIGITS.find(digit).expect("a digit")))
        .collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).expect("bits"), 2).expect("a byte"))
        .collect()
}
