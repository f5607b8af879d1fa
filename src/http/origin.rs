//! The `Origin` of a request (RFC 6454, the Fetch standard): whose page sent it. Any page of the world can make a browser
//! send `text/plain` to a server on its own machine, so a write by a page is carried out only for pages that are known.

/// Whose pages may write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Complete origins, in lower case.
    exact: Vec<Box<str>>,
    /// Host names; any port, http or https.
    hosts: Vec<Box<str>>,
}

impl Origins {
    /// Adds an address at which the server listens, as it stands in a URL, and `localhost` with its port.
    pub fn add_address(&mut self, host: &str, port: u16) {
        let port = match port {
            80 => String::new(),
            port => format!(":{port}"),
        };
        for host in [host, "localhost"] {
            self.exact.push(format!("http://{host}{port}").into());
        }
    }

    /// Adds the name of a host. `*` is no name.
    pub fn add_host(&mut self, name: &str) {
        if name != "*" {
            self.hosts.push(name.to_ascii_lowercase().into());
        }
    }

    /// Adds an origin. `*` is none.
    pub fn add_origin(&mut self, origin: &str) {
        if origin != "*" {
            self.exact.push(origin.to_ascii_lowercase().into());
        }
    }

    /// Whether a page of this origin may write, as the field names it.
    #[must_use]
    pub fn permit(&self, origin: &[u8]) -> bool {
        let Ok(origin) = str::from_utf8(origin) else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        if self.exact.iter().any(|known| **known == *origin) {
            return true;
        }
        let authority = ["http://", "https://"]
            .into_iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        let Some(authority) = authority else {
            return false;
        };
        self.hosts.iter().any(|host| {
            let rest = authority.strip_prefix(&**host);
            rest.is_some_and(|rest| rest.is_empty() || is_port(rest))
        })
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}
