//! Options that other servers have, and what the same is called here.

const INSTEAD: &[(&[&str], &str)] = &[
    (&["p", "port"], "use --listen PORT"),
    (
        &["b", "bind", "addr", "address", "interface", "i"],
        "use --listen IP:PORT",
    ),
    (
        &["d", "dir", "directory", "root", "r"],
        "name the directory without an option, as ROOT",
    ),
    (&["v", "verbose"], "use --log-level debug"),
    (&["q", "quiet", "silent"], "use --log-level warn"),
    (
        &["tls", "tls-cert", "tls-key", "cert", "key", "ssl", "https"],
        "openrange speaks no TLS; put a proxy in front of it",
    ),
    (
        &["token", "auth", "user-password"],
        "write the tokens to a file and use --token-file FILE",
    ),
];

/// What to use instead of an option that is not known, by its name without dashes.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let (_, hint) = INSTEAD.iter().find(|(names, _)| names.contains(&name))?;
    Some(hint)
}
