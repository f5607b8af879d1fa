//! A response means the same however it is cut into pieces, and nothing that comes makes its reader panic or grow.

use openrange::client::exchange::{Exchange, Need, Progress};

/// What a reader makes of some bytes: heads, content, ends, and the failure that it stops at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    status: Option<u16>,
    content: Vec<u8>,
    whole: bool,
    broken: bool,
}

fn read(bytes: &[u8], piece: usize) -> Read {
    let mut exchange = Exchange::new(0);
    exchange.request(b"GET /log HTTP/1.1\r\n\r\n".to_vec());
    exchange.connected();
    exchange.sent(21);
    let mut read = Read::default();
    for piece in bytes.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() && !read.whole && !read.broken {
            let space = exchange.space();
            let count = space.len().min(rest.len());
            assert!(count > 0, "no room although nothing waits");
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            exchange.filled(count);
            take(&mut exchange, &mut read);
        }
    }
    read
}

fn take(exchange: &mut Exchange, read: &mut Read) {
    loop {
        match exchange.progress() {
            Progress::None => return,
            Progress::Head(head) => read.status = Some(head.status),
            Progress::Content => {
                let content = exchange.content().to_vec();
                assert!(!content.is_empty());
                read.content.extend_from_slice(&content);
                exchange.take(content.len());
            }
            Progress::Whole(_) => {
                read.whole = true;
                return;
            }
            Progress::Broken(_) => {
                read.broken = true;
                assert_ne!(exchange.need(), Need::Receive);
                return;
            }
        }
    }
}

/// See the module.
pub fn response(bytes: &[u8]) {
    let whole = read(bytes, bytes.len().max(1));
    assert!(whole.content.len() <= bytes.len());
    for piece in [1, 2, 7] {
        assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
    }
}
