//! The settings of the HTTP server: where it listens, under which address browsers reach it, and
//! which proxies it trusts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use ipnet::IpNet;
use url::{Host, Url};

use super::setting::{Kind, Setting, networks, number, store};

/// Everything about the HTTP server that an operator can set.
#[derive(Clone)]
pub struct HttpConfig {
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// Where the pages are served; none: with the API.
    pub pages_listen: Option<SocketAddr>,
    /// Where the metrics are served; none: with the API.
    pub metrics_listen: Option<SocketAddr>,
    /// What readers of the metrics must send; none: nothing.
    pub metrics_token: Option<String>,
    /// Threads that serve HTTP, at least 1 (the automatic choice is already made).
    pub workers: usize,
    /// The address under which browsers reach Herald, without a slash at its end; not set: the
    /// address on which it listens.
    pub public_url: Option<String>,
    /// Networks of the proxies that are trusted to name the client.
    pub trusted_proxies: Vec<IpNet>,
    /// Names, in lower case, under which Herald is reached besides its public one.
    pub allowed_hosts: Vec<String>,
    /// How many subscriptions, and how many accounts, have metrics of their own.
    pub metrics_subscriptions: usize,
}

impl HttpConfig {
    pub(super) const fn blank() -> Self {
        Self {
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            pages_listen: None,
            metrics_listen: None,
            metrics_token: None,
            workers: 0,
            public_url: None,
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            metrics_subscriptions: 0,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variable: "HERALD_LISTEN",
        default: "127.0.0.1:8080",
        meaning: "The address and port on which Herald serves HTTP; it has no effect if a service \
                  manager passes the socket.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.listen, listen(text)),
        show: |config| config.http.listen.to_string(),
    },
    Setting {
        key: "pages_listen",
        variable: "HERALD_PAGES_LISTEN",
        default: "",
        meaning: "The address and port of the pages, which are then not served on listen; not set: \
                  the pages are served on listen.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.pages_listen, own_listen(text)),
        show: |config| shown(config.http.pages_listen),
    },
    Setting {
        key: "metrics_listen",
        variable: "HERALD_METRICS_LISTEN",
        default: "",
        meaning: "The address and port of /metrics, which is then not served on listen; not set: \
                  /metrics is served on listen.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.metrics_listen, own_listen(text)),
        show: |config| shown(config.http.metrics_listen),
    },
    Setting {
        key: "metrics_token",
        variable: "HERALD_METRICS_TOKEN",
        default: "",
        meaning: "A token of at least 16 characters that readers of /metrics must send; not set: \
                  anybody who reaches it may read it.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.metrics_token, token(text)),
        show: |config| match config.http.metrics_token {
            Some(_) => "(hidden)".to_owned(),
            None => String::new(),
        },
    },
    Setting {
        key: "http_workers",
        variable: "HERALD_HTTP_WORKERS",
        default: "0",
        meaning: "Threads that serve HTTP (up to 256); 0: half of the cores.",
        kind: Kind::Number,
        set: |config, text| store(&mut config.http.workers, number(text, 0..=256)),
        show: |config| config.http.workers.to_string(),
    },
    Setting {
        key: "public_url",
        variable: "HERALD_PUBLIC_URL",
        default: "",
        meaning: "The address under which browsers reach Herald, such as \
                  https://herald.example.com; with https, cookies are sent over TLS only. Not \
                  set: browsers use an IP address or localhost.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.public_url, public_url(text)),
        show: |config| config.http.public_url.clone().unwrap_or_default(),
    },
    Setting {
        key: "trusted_proxies",
        variable: "HERALD_TRUSTED_PROXIES",
        default: "",
        meaning: "Networks of the proxies in front of Herald whose X-Forwarded-For and \
                  X-Forwarded-Proto are trusted.",
        kind: Kind::List,
        set: |config, text| store(&mut config.http.trusted_proxies, networks(text)),
        show: |config| {
            let shown: Vec<String> = config
                .http
                .trusted_proxies
                .iter()
                .map(IpNet::to_string)
                .collect();
            shown.join(",")
        },
    },
    Setting {
        key: "allowed_hosts",
        variable: "HERALD_ALLOWED_HOSTS",
        default: "",
        meaning: "Names under which Herald answers besides IP addresses, localhost and public_url; \
                  if any is set, /v1 answers only under these, too.",
        kind: Kind::List,
        set: |config, text| store(&mut config.http.allowed_hosts, hosts(text)),
        show: |config| config.http.allowed_hosts.join(","),
    },
    Setting {
        key: "metrics_subscriptions",
        variable: "HERALD_METRICS_SUBSCRIPTIONS",
        default: "20",
        meaning: "How many subscriptions, and how many accounts, have metrics of their own: the \
                  busiest; the others are counted together as other (0 to 1000).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.http.metrics_subscriptions,
                number(text, 0..=1000),
            )
        },
        show: |config| config.http.metrics_subscriptions.to_string(),
    },
];

fn shown(listen: Option<SocketAddr>) -> String {
    listen.map_or_else(String::new, |address| address.to_string())
}

fn own_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    listen(text).map(Some)
}

/// The fault never shows the token.
fn token(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        text if text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(
            "the token should have at least 16 characters, all of them visible ASCII without \
                  spaces: `openssl rand -hex 24` makes one"
                .to_owned(),
        ),
    }
}

/// Names alone: Herald answers under every port, and under every IP address.
fn hosts(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(host).collect()
}

fn host(name: &str) -> Result<String, String> {
    match Host::parse(name) {
        Ok(Host::Domain(host)) if !name.contains(['*', ':', '/']) => Ok(host),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Err(format!(
            "`{name}` is an address: Herald answers under each of its addresses anyway"
        )),
        _ => Err(format!(
            "`{name}` should be the name of a host alone, such as herald.example.com"
        )),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error| {
        format!("`{text}` should be an IP address and a port, such as 127.0.0.1:8080: {error}")
    })
}

impl HttpConfig {
    /// The addresses on which Herald listens, each with its setting.
    #[must_use]
    pub fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        let own = [
            ("pages_listen", self.pages_listen),
            ("metrics_listen", self.metrics_listen),
        ];
        let own = own
            .into_iter()
            .filter_map(|(setting, address)| Some((setting, address?)));
        std::iter::once(("listen", self.listen))
            .chain(own)
            .collect()
    }
}

/// Scheme, host and port alone: Herald's cookies hold for all of a host.
fn public_url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let fault = || {
        format!(
            "`{text}` should be http:// or https:// with a host and perhaps a port, such as \
             https://herald.example.com"
        )
    };
    let Ok(url) = Url::parse(text) else {
        return Err(fault());
    };
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare || !matches!(url.scheme(), "http" | "https") {
        return Err(fault());
    }
    Ok(Some(url.origin().ascii_serialization()))
}

/// An address of this machine that reaches a listener.
#[must_use]
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_scheme_host_and_port_alone() {
        for (text, read) in [
            ("https://herald.example.com", "https://herald.example.com"),
            (
                "https://Herald.Example.com:443/",
                "https://herald.example.com",
            ),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ] {
            assert_eq!(public_url(text), Ok(Some(read.to_owned())));
        }
        assert_eq!(public_url(""), Ok(None));
        for bad in [
            "herald.example.com",
            "ftp://herald.example.com",
            "https://herald.example.com/pages",
            "https://ann@herald.example.com",
            "https://herald.example.com?x",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_allowed_host_is_a_name_alone() {
        assert_eq!(
            hosts("Herald.Example.com, herald"),
            Ok(vec!["herald.example.com".to_owned(), "herald".to_owned()])
        );
        for bad in [
            "herald:8080",
            "https://herald",
            "*.example.com",
            "10.0.0.1",
            "a b",
        ] {
            assert!(hosts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_on_this_machine() {
        let shown = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(shown("[::]:80"), "[::1]:80");
        assert_eq!(shown("192.0.2.1:80"), "192.0.2.1:80");
    }
}
