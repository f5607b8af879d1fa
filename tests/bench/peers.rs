//! How the other servers are configured: one process, no request log, room for all connections.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::servers::{Kind, Plan};
use super::site::{Site, topic};

/// Where nginx finds its modules on common systems. `NCHAN_MODULE` names another place.
const NCHAN: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
];

/// Why a server cannot take part.
pub fn missing(kind: Kind) -> Option<String> {
    let program = match kind {
        kind if kind.is_ours() => return None,
        Kind::Nchan if nchan_module().is_none() => {
            return Some(
                "nginx has no ngx_nchan_module.so (NCHAN_MODULE names another place)".into(),
            );
        }
        Kind::Nginx | Kind::Nchan => "nginx",
        Kind::Lighttpd => "lighttpd",
        Kind::Redis => "redis-server",
        Kind::Nats => "nats-server",
        Kind::Tailsrv => "tailsrv",
        Kind::Durable | Kind::DurableWal => "durable-streams-server",
        _ => unreachable!("ours"),
    };
    match find(program) {
        Some(_) => None,
        None => Some(format!("{program} is not installed")),
    }
}

/// In PATH, or where daemons are that ordinary users do not have in theirs.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        // Where cargo installs.
        .chain(env::home_dir().map(|home| home.join(".cargo/bin")))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

fn nchan_module() -> Option<PathBuf> {
    let named = env::var_os("NCHAN_MODULE").map(PathBuf::from);
    named
        .into_iter()
        .chain(NCHAN.map(PathBuf::from))
        .find(|path| path.is_file())
}

/// The command that runs a server in the foreground.
///
/// # Errors
/// Why there is none.
pub fn command(kind: Kind, site: &Site, port: u16, plan: &Plan) -> Result<Command, String> {
    if let Some(why) = missing(kind) {
        return Err(why);
    }
    // nginx begins to close idle ones long before it has none left.
    let connections = 2 * plan.connections + 100;
    let program = |name: &str| Command::new(find(name).expect("it was there"));
    let configured = |name: &str, text: String| {
        let path = site.own("configuration");
        fs::write(&path, text).expect("a configuration");
        let mut command = program(name);
        if name == "lighttpd" {
            command.arg("-D");
        }
        command
            .arg(if name == "nginx" { "-c" } else { "-f" })
            .arg(path);
        command
    };
    Ok(match kind {
        Kind::Nginx | Kind::Nchan => configured("nginx", nginx(kind, site, port, connections)),
        Kind::Lighttpd => configured("lighttpd", lighttpd(site, port, connections)),
        Kind::Redis => {
            let mut command = program("redis-server");
            command
                .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
                .args(["--save", "", "--tcp-backlog", "4096"])
                .args(["--maxclients", &connections.to_string()]);
            match plan.records {
                Some(records) if records.fsync => {
                    command.args(["--appendonly", "yes", "--appendfsync", "always"])
                }
                _ => command.args(["--appendonly", "no"]),
            };
            command
        }
        Kind::Nats => {
            let mut command = program("nats-server");
            command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
            command
        }
        Kind::Tailsrv => {
            let mut command = program("tailsrv");
            command
                .args(["--port", &port.to_string()])
                .arg(site.file(&topic(0)));
            command
        }
        Kind::Durable | Kind::DurableWal => {
            let mut command = program("durable-streams-server");
            let durability = if kind == Kind::Durable {
                "memory"
            } else {
                "wal"
            };
            command
                .args(["--port", &port.to_string(), "--durability", durability])
                .args(["--worker-threads", "1", "--wal-shards", "1"])
                .arg("--data-dir")
                .arg(site.own("durable-streams"));
            command
        }
        _ => unreachable!("no peers"),
    })
}

fn nginx(kind: Kind, site: &Site, port: u16, connections: usize) -> String {
    let (root, own) = (site.root(), site.own("nginx"));
    let (root, own) = (root.display(), own.display());
    let (module, locations) = match nchan_module() {
        Some(module) if kind == Kind::Nchan => (
            format!("load_module {};", module.display()),
            "location ~ ^/pub/(.+)$ { nchan_publisher http; nchan_channel_id $1; nchan_message_buffer_length 1000; }
             location ~ ^/sub/(.+)$ { nchan_subscriber http-raw-stream; nchan_channel_id $1;
                nchan_subscriber_first_message oldest; nchan_subscriber_http_raw_stream_separator ''; }",
        ),
        _ => (String::new(), ""),
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {own}.{name};\n"))
        .concat();
    format!(
        "{module}
        daemon off; master_process off; pid {own}.pid; error_log stderr crit;
        events {{ worker_connections {connections}; }}
        http {{
            {temporary}
            access_log off; sendfile on; tcp_nopush on;
            client_header_timeout 1h; keepalive_timeout 1h; keepalive_requests 1000000000;
            server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; {locations} }}
        }}\n"
    )
}

fn lighttpd(site: &Site, port: u16, connections: usize) -> String {
    let root = site.root();
    // It accepts no more when it has used half of them.
    let descriptors = 2 * connections;
    format!(
        "server.document-root = \"{}\"
        server.bind = \"127.0.0.1\"
        server.port = {port}
        server.max-fds = {descriptors}
        server.max-connections = {connections}
        server.listen-backlog = 4096
        server.max-keep-alive-idle = 3600
        server.max-keep-alive-requests = 60000
        mimetype.assign = ( \"\" => \"text/plain\" )\n",
        root.display()
    )
}
