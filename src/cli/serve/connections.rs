//! Who may connect, and how long the server waits for clients.

use super::given::Serve;
use crate::cli::table::Row;

/// Most worker threads: a bound against typing errors.
const THREADS_MAX: usize = 1024;

pub(super) const OPTIONS: &[Row<Serve>] = &[
    Row::value(
        "listen",
        "ADDR",
        "IP:PORT, [IPV6]:PORT, localhost:PORT, unix:PATH or unix:PATH,mode=OCTAL for its permission bits; PORT or \
         :PORT means that port on all interfaces; port 0 lets the kernel choose; may be repeated. ADDR,proxy is for \
         proxies that send a PROXY header, version 1 or 2, at the beginning of each connection (default: the sockets \
         that systemd passes, or 127.0.0.1:8080)",
        |serve, value| {
            let text = value.string()?;
            let options = &mut serve.options;
            let address = match text.strip_suffix(",proxy") {
                Some(address) => {
                    options.proxied.push(options.listen.len());
                    address
                }
                None => &text,
            };
            let address = address.parse().map_err(|why| value.wrong(why))?;
            options.listen.push(address);
            Ok(())
        },
    ),
    Row::value(
        "trusted-proxy",
        "ADDR",
        "an IP address, a network like 10.0.0.0/8, or unix: the server believes X-Forwarded-For from there, and takes \
         PROXY headers from nowhere else; may be repeated (default: it ignores X-Forwarded-For)",
        |serve, value| {
            serve.options.trusted_proxies.push(value.parse()?);
            Ok(())
        },
    ),
    Row::value(
        "threads",
        "N",
        "worker threads (default: the number of CPUs)",
        |serve, value| {
            serve.options.threads = Some(value.number(1, THREADS_MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "header-timeout",
        "SECONDS",
        "how long a client may take to send the head of a request (default: 30)",
        |serve, value| {
            serve.options.header_timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "idle-timeout",
        "SECONDS",
        "how long a kept-alive connection may stay open without another request (default: 60)",
        |serve, value| {
            serve.options.idle_timeout = value.positive_seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "send-timeout",
        "SECONDS",
        "the server resets a client that accepts no data for this long; 0: never (default: 300)",
        |serve, value| {
            serve.options.send_timeout = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "min-rate",
        "BYTES",
        "how many bytes a second a client that reads a removed file must accept; the server resets it once it is \
         --send-timeout behind, since the file takes up space until its last reader is gone; 0: no minimum (default: \
         1200)",
        |serve, value| {
            serve.options.min_rate = value.number(0, usize::MAX)? as u64;
            Ok(())
        },
    ),
    Row::value(
        "max-connections",
        "N",
        "the maximum number of connections; the server answers further ones with 503 (default: three quarters of the \
         descriptors that the hard limit allows)",
        |serve, value| {
            serve.options.max_connections = Some(value.number(1, usize::MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "max-connections-per-address",
        "N",
        "the maximum number of connections from one IPv4 address or IPv6 /64 network; loopback and unix sockets do \
         not count (default: no limit)",
        |serve, value| {
            serve.options.max_connections_per_address = Some(value.number(1, usize::MAX)?);
            Ok(())
        },
    ),
    Row::value(
        "wait-max",
        "SECONDS",
        "the longest wait for a missing file that Prefer: wait=N can ask for; 0: no request waits (default: 300)",
        |serve, value| {
            serve.options.wait_max = value.seconds()?;
            Ok(())
        },
    ),
    Row::value(
        "grace",
        "SECONDS",
        "how long the server may take to finish open responses after SIGTERM or SIGINT (default: 10)",
        |serve, value| {
            serve.options.grace = value.seconds()?;
            Ok(())
        },
    ),
];
