//! The settings of the HTTP server: where it listens, under which address browsers reach it, and
//! whose word on that is taken.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use ipnet::IpNet;
use url::Url;

use super::setting::{Kind, Setting, networks, number, store};

/// Everything about the HTTP server that an operator can set.
#[derive(Clone)]
pub struct HttpConfig {
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// Threads that serve HTTP, at least 1 (the automatic choice is already made).
    pub workers: usize,
    /// The address under which browsers reach Herald, without a slash at its end; not set: the
    /// address on which it listens.
    pub public_url: Option<String>,
    /// Networks of the proxies whose word on who asks is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Subscriptions, and accounts, whose metrics are told apart.
    pub metrics_subscriptions: usize,
}

impl HttpConfig {
    pub(super) const fn blank() -> Self {
        Self {
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            workers: 0,
            public_url: None,
            trusted_proxies: Vec::new(),
            metrics_subscriptions: 0,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variable: "HERALD_LISTEN",
        default: "127.0.0.1:8080",
        meaning: "The address and port on which Herald serves HTTP.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.http.listen, listen(text)),
        show: |config| config.http.listen.to_string(),
    },
    Setting {
        key: "http_workers",
        variable: "HERALD_HTTP_WORKERS",
        default: "0",
        meaning: "Threads that serve HTTP; 0: half of the cores.",
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
        meaning: "Networks of the proxies before Herald: their X-Forwarded-For and \
                  X-Forwarded-Proto are believed.",
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
        key: "metrics_subscriptions",
        variable: "HERALD_METRICS_SUBSCRIPTIONS",
        default: "20",
        meaning: "How many subscriptions, and how many accounts, have metrics of their own: the \
                  busiest; the others are counted together.",
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

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error| {
        format!("`{text}` should be an IP address and a port, such as 127.0.0.1:8080: {error}")
    })
}

impl HttpConfig {
    /// The addresses on which Herald listens, each with its setting.
    #[must_use]
    pub fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        vec![("listen", self.listen)]
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
    fn who_listens_everywhere_is_reached_on_this_machine() {
        let shown = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(shown("[::]:80"), "[::1]:80");
        assert_eq!(shown("192.0.2.1:80"), "192.0.2.1:80");
    }
}
