//! Where records are published: appended to files, or said to the server on a connection.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::dialect::Dialect;
use super::machine;
use super::producers::create_streams;
use super::servers::Server;
use super::site::{Site, topic};

pub enum Publisher {
    Files(Vec<File>),
    Connection {
        socket: TcpStream,
        dialect: Dialect,
        topics: Vec<String>,
        unsent: Vec<u8>,
    },
}

impl Publisher {
    pub fn new(server: &Server, site: &Site, topics: Range<usize>) -> io::Result<Publisher> {
        let topics: Vec<String> = topics.map(topic).collect();
        let dialect = server.dialect;
        if dialect.by_file() {
            let files = topics.iter().map(|name| site.appender(name));
            return Ok(Publisher::Files(files.collect()));
        }
        if dialect == Dialect::Durable {
            create_streams(server.address, topics.iter().cloned())?;
        }
        Ok(Publisher::Connection {
            socket: machine::connect(server.address, 0)?,
            dialect,
            topics,
            unsent: match dialect {
                Dialect::Nats => b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n".to_vec(),
                _ => Vec::new(),
            },
        })
    }

    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Publisher::Files(_) => None,
            Publisher::Connection { socket, .. } => Some(socket),
        }
    }

    /// With one write(2) if it goes to a file.
    pub fn publish(&mut self, topic: usize, record: &[u8]) -> io::Result<()> {
        match self {
            Publisher::Files(files) => files[topic].write_all(record),
            Publisher::Connection {
                dialect,
                topics,
                unsent,
                ..
            } => {
                dialect.publish(&topics[topic], record, false, unsent);
                self.flush()
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Publisher::Connection { socket, unsent, .. } = self else {
            return Ok(());
        };
        while !unsent.is_empty() {
            match socket.write(unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Its socket is ready. Answers are not looked at: what was refused will be missing.
    pub fn ready(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if let Publisher::Connection { socket, .. } = self {
            loop {
                match socket.read(buffer) {
                    Ok(0) => return Err(io::Error::other("the publisher was closed")),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        self.flush()
    }
}
