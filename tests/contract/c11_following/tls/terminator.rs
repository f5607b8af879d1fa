//! Certificates, and a server that speaks TLS in front of one that does not.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::support::harness::TempDir;

/// What `openssl ca` must know to sign.
const SIGNING: &str = "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nnew_certs_dir=.\npolicy=names\n\
    default_md=sha256\nrand_serial=yes\ncopy_extensions=copy\nunique_subject=no\n[names]\ncommonName=supplied\n";

/// An authority that signs certificates of servers.
pub struct Authority(TempDir);

/// A certificate and its key.
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Identity {
    /// The files for `--cert-file` and `--key-file`.
    pub fn files(&self) -> [String; 2] {
        [&self.certificate, &self.key].map(|file| file.display().to_string())
    }
}

impl Authority {
    pub fn new() -> Authority {
        Authority::named("/CN=Authority")
    }

    pub fn named(subject: &str) -> Authority {
        let authority = Authority(TempDir::with("signing", SIGNING));
        authority.0.write("index", "");
        let mut all = vec!["req", "-x509", "-days", "2", "-out", "ca.pem"];
        all.extend(["-keyout", "ca.key", "-subj", subject]);
        authority.openssl(&[&all[..], &KEY].concat());
        authority
    }

    /// The file for `--ca-file`.
    pub fn file(&self) -> String {
        self.0.join("ca.pem").display().to_string()
    }

    /// The certificate of the authority itself, as if it were one of a server.
    pub fn identity(&self) -> Identity {
        Identity {
            certificate: self.0.join("ca.pem"),
            key: self.0.join("ca.key"),
        }
    }

    /// A certificate for a name (`DNS:localhost`).
    pub fn sign(&self, name: &str) -> Identity {
        self.sign_for(name, &["-days", "2"])
    }

    /// One that was valid once.
    pub fn sign_expired(&self, name: &str) -> Identity {
        let dates = ["-startdate", "20200101000000Z"];
        self.sign_for(
            name,
            &[&dates[..], &["-enddate", "20200102000000Z"]].concat(),
        )
    }

    fn sign_for(&self, name: &str, dates: &[&str]) -> Identity {
        let name = format!("subjectAltName={name}");
        let mut all = vec!["req", "-new", "-keyout", "key", "-out", "request"];
        all.extend(["-subj", "/CN=server", "-addext", &name]);
        all.extend(["-addext", "basicConstraints=critical,CA:FALSE"]);
        self.openssl(&[&all[..], &KEY].concat());
        let mut all = vec!["ca", "-batch", "-notext", "-config", "signing"];
        all.extend(["-cert", "ca.pem", "-keyfile", "ca.key", "-in", "request"]);
        all.extend(["-out", "signed"]);
        self.openssl(&[&all[..], dates].concat());
        Identity {
            certificate: self.0.join("signed"),
            key: self.0.join("key"),
        }
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

const KEY: [&str; 5] = [
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
];

/// See the module.
pub struct Terminator {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: Vec<TcpStream>,
    names: Vec<String>,
}

impl Terminator {
    pub fn start(identity: &Identity, upstream: SocketAddr) -> Terminator {
        Terminator::speaking(identity, upstream, rustls::ALL_VERSIONS)
    }

    pub fn speaking(
        identity: &Identity,
        upstream: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Terminator {
        Terminator::with(identity, upstream, versions, None)
    }

    /// Speaks only with clients whose certificates this authority has signed.
    pub fn demanding(
        identity: &Identity,
        upstream: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        clients: &Authority,
    ) -> Terminator {
        Terminator::with(identity, upstream, versions, Some(clients))
    }

    fn with(
        identity: &Identity,
        upstream: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Terminator {
        let certificate = CertificateDer::from_pem_file(&identity.certificate).expect("PEM");
        let key = PrivateKeyDer::from_pem_file(&identity.key).expect("PEM");
        let provider = Arc::new(ring::default_provider());
        let verifier = match clients {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let root = CertificateDer::from_pem_file(authority.file()).expect("PEM");
                roots.add(root).expect("an authority");
                let (roots, provider) = (Arc::new(roots), Arc::clone(&provider));
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                verifier.build().expect("a verifier")
            }
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .and_then(|config| {
                config
                    .with_client_cert_verifier(verifier)
                    .with_single_cert(vec![certificate], key)
            });
        let config = Arc::new(config.expect("a configuration"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let terminator = Terminator {
            port: listener.local_addr().expect("an address").port(),
            seen: Arc::default(),
        };
        let seen = Arc::clone(&terminator.seen);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = client.try_clone().expect("a descriptor");
                seen.lock().expect("a lock").connections.push(shared);
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                thread::spawn(move || {
                    let tls = ServerConnection::new(config).expect("TLS");
                    // Whoever refuses a certificate ends it.
                    let _ = serve(client, tls, upstream, &seen);
                });
            }
        });
        terminator
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// How clients have called it (SNI).
    pub fn names(&self) -> Vec<String> {
        self.seen.lock().expect("a lock").names.clone()
    }

    /// Ends all connections as an attacker would, who cannot say that it is the end.
    pub fn cut(&self) -> usize {
        let connections = std::mem::take(&mut self.seen.lock().expect("a lock").connections);
        let open = connections
            .iter()
            .filter(|client| client.shutdown(Shutdown::Both).is_ok());
        open.count()
    }
}

fn serve(
    mut client: TcpStream,
    mut tls: ServerConnection,
    upstream: SocketAddr,
    seen: &Mutex<Seen>,
) -> io::Result<()> {
    let mut plain = TcpStream::connect(upstream)?;
    let mut buffer = [0; 16384];
    let mut named = false;
    loop {
        let mut sockets = [
            PollFd::new(&client, PollFlags::IN),
            PollFd::new(&plain, PollFlags::IN),
        ];
        poll(&mut sockets, None)?;
        let [from_client, from_plain] = sockets.map(|socket| !socket.revents().is_empty());
        if from_client {
            if tls.read_tls(&mut client)? == 0 {
                return Ok(());
            }
            if let Err(error) = tls.process_new_packets() {
                let _ = tls.write_tls(&mut client);
                return Err(io::Error::other(error));
            }
            if let (false, Some(name)) = (named, tls.server_name()) {
                seen.lock().expect("a lock").names.push(name.into());
                named = true;
            }
            while let Ok(count @ 1..) = tls.reader().read(&mut buffer) {
                plain.write_all(&buffer[..count])?;
            }
        }
        if from_plain {
            match plain.read(&mut buffer)? {
                0 => tls.send_close_notify(),
                count => tls.writer().write_all(&buffer[..count])?,
            }
        }
        while tls.wants_write() {
            tls.write_tls(&mut client)?;
        }
    }
}

/// The text of a PEM file, for those that want several in one.
pub fn text(path: &str) -> String {
    fs::read_to_string(path).expect("a file")
}
