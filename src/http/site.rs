//! How browsers see Herald: under which host, over TLS or not, from which page a request comes,
//! and from which network address. What a browser's cookie may do depends on it; requests with a
//! token never come here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use url::{Host, Origin, Url};

use super::connections::network;
use super::problem::{ProblemDetails, ProblemKind};
use super::rules::HttpRules;

/// What the operator says about it.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// The address that links begin with, without a slash at its end.
    pub base: String,
    /// Whether that address was set: else browsers use an IP address or `localhost`.
    pub named: bool,
}

/// The settings, read.
pub(super) struct Site {
    base: String,
    public: Option<Url>,
    rules: HttpRules,
}

/// The origin that the browser of a request uses.
#[derive(Debug, Clone)]
pub(super) struct BrowserOrigin {
    origin: Origin,
    /// Over TLS.
    pub secure: bool,
}

impl Site {
    pub(super) fn new(settings: SiteSettings, rules: HttpRules) -> Self {
        let public = Url::parse(&settings.base).ok().filter(|_| settings.named);
        Self {
            public,
            base: settings.base,
            rules,
        }
    }

    /// What links in mails begin with. Never the host that a request names: whoever asks for a
    /// mail to somebody else could choose it.
    #[must_use]
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The origin that the browser uses. A name that is not Herald's may be an attacker's that
    /// resolves to this machine; an IP address cannot be.
    ///
    /// # Errors
    /// The request names another host.
    pub(super) fn place(&self, request: &HttpRequest) -> Result<BrowserOrigin, ProblemDetails> {
        let host = text(request, &header::HOST).unwrap_or_default();
        let forwarded = self.by_proxy(request)
            && text(request, &HeaderName::from_static("x-forwarded-proto")) == Some("https");
        if let Some(public) = &self.public {
            let secure = forwarded || public.scheme() == "https";
            if let Some(url) = read(secure, host)
                && url.host() == public.host()
                && (url.port_or_known_default() == public.port_or_known_default()
                    || secure != (public.scheme() == "https"))
            {
                let origin = url.origin();
                return Ok(BrowserOrigin { origin, secure });
            }
        }
        let url = read(forwarded, host).filter(|url| match url.host() {
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Some(Host::Domain(name)) => {
                name == "localhost" || self.rules.get().hosts.iter().any(|known| known == name)
            }
            None => false,
        });
        let detail = "Pages are not served under this host: set HERALD_PUBLIC_URL to the address \
                      that browsers use, name the host in HERALD_ALLOWED_HOSTS, or use the IP \
                      address.";
        let url = url.ok_or_else(|| ProblemDetails::new(ProblemKind::Misdirected, detail))?;
        let (origin, secure) = (url.origin(), forwarded);
        Ok(BrowserOrigin { origin, secure })
    }

    /// Refuses a request that is for another host. Ports count for cookies alone.
    ///
    /// # Errors
    /// The host is neither an IP address nor one of Herald's names.
    pub(super) fn answers_to(&self, host: Option<&HeaderValue>) -> Result<(), ProblemDetails> {
        let said = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = bare(said).to_ascii_lowercase();
        let known = || {
            let public = self.public.as_ref().and_then(Url::host_str);
            public == Some(&name) || self.rules.get().hosts.contains(&name)
        };
        if is_address(&name) || name == "localhost" || known() {
            return Ok(());
        }
        let detail = "Herald does not answer under this host: name it in HERALD_ALLOWED_HOSTS, or \
                      use the IP address.";
        Err(ProblemDetails::new(ProblemKind::Misdirected, detail))
    }

    /// Whether `/v1` answers under certain hosts alone.
    #[must_use]
    pub(super) fn names_api(&self) -> bool {
        self.rules.names_api()
    }

    /// Refuses what another site's page sends. A client that says nothing about it is no browser,
    /// or meets the other bounds: `SameSite` and the token in the request.
    ///
    /// # Errors
    /// The request comes from another site.
    pub(super) fn same_origin(
        request: &HttpRequest,
        place: &BrowserOrigin,
    ) -> Result<(), ProblemDetails> {
        let own = match text(request, &header::ORIGIN) {
            Some(origin) => Url::parse(origin).is_ok_and(|url| url.origin() == place.origin),
            None if request.headers().contains_key(header::ORIGIN) => false,
            None => {
                let fetched = text(request, &HeaderName::from_static("sec-fetch-site"));
                matches!(fetched, None | Some("same-origin" | "none"))
            }
        };
        if own {
            return Ok(());
        }
        let detail = "This request comes from a page of another site.";
        Err(ProblemDetails::new(ProblemKind::Forbidden, detail))
    }

    /// The network address of the client; of IPv6 the network that one customer gets.
    #[must_use]
    pub(super) fn address(&self, request: &HttpRequest) -> String {
        match self.client(request).map(network) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(network)) => format!("{network}/64"),
        }
    }

    /// The address of the client, as far as proxies are believed.
    #[must_use]
    pub(super) fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?;
        let rules = self.rules.get();
        let mut address = peer.ip().to_canonical();
        let name = HeaderName::from_static("x-forwarded-for");
        let lines = request.headers().get_all(name);
        let said: Vec<&str> = lines.filter_map(|value| value.to_str().ok()).collect();
        // Our own proxy wrote the last entry; the client may have written those before it.
        for entry in said.join(",").rsplit(',') {
            if !rules.trusts(address) {
                break;
            }
            let Ok(before) = entry.trim().parse::<IpAddr>() else {
                break;
            };
            address = before.to_canonical();
        }
        Some(address)
    }

    fn by_proxy(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr();
        peer.is_some_and(|peer| self.rules.get().trusts(peer.ip().to_canonical()))
    }
}

/// A `Host` without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

/// A host and perhaps a port as an address of that scheme.
fn read(secure: bool, host: &str) -> Option<Url> {
    let scheme = if secure { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let named = url.username().is_empty() && url.password().is_none() && !host.contains('@');
    (bare && named && !host.ends_with('/')).then_some(url)
}

fn text<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::Config;

    fn site(base: &str, named: bool) -> Site {
        let settings = [
            ("HERALD_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("HERALD_ALLOWED_HOSTS", "Herald.internal"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(None, settings.into_iter()).unwrap();
        let base = base.to_owned();
        Site::new(SiteSettings { base, named }, HttpRules::new(&config))
    }

    fn request(peer: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        request.to_http_request()
    }

    #[test]
    fn pages_are_served_under_the_public_name_and_under_addresses_alone() {
        let named = site("https://herald.example.com", true);
        let secure = |site: &Site, host: &str| {
            let request = request("192.0.2.7:1", &[("host", host)]);
            site.place(&request).ok().map(|place| place.secure)
        };
        assert_eq!(secure(&named, "herald.example.com"), Some(true));
        assert_eq!(secure(&named, "HERALD.example.com:443"), Some(true));
        assert_eq!(secure(&named, "herald.example.com:8443"), None);
        let unnamed = site("http://127.0.0.1:8080", false);
        for site in [&named, &unnamed] {
            assert_eq!(secure(site, "127.0.0.1:8080"), Some(false));
            assert_eq!(secure(site, "[::1]:8080"), Some(false));
            assert_eq!(secure(site, "localhost"), Some(false));
            assert_eq!(secure(site, "herald.internal:8080"), Some(false));
            for bad in [
                "evil.example",
                "",
                "a@127.0.0.1",
                "127.0.0.1/x",
                "localhost.evil",
            ] {
                assert_eq!(secure(site, bad), None, "{bad}");
            }
        }
    }

    #[test]
    fn herald_answers_under_its_names_and_under_addresses_alone() {
        let site = site("https://herald.example.com", true);
        let answers = |host: &str| {
            let host = HeaderValue::from_str(host).unwrap();
            site.answers_to(Some(&host)).is_ok()
        };
        for own in [
            "herald.example.com",
            "HERALD.internal:8080",
            "localhost:1",
            "127.0.0.1",
            "192.0.2.1:8080",
            "[::1]",
            "[2001:db8::1]:8080",
        ] {
            assert!(answers(own), "{own}");
        }
        for other in [
            "",
            "evil.example",
            "herald.example.com.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:x",
            "a@127.0.0.1",
            "[::1",
            "::1",
            "0x7f.1",
            "localhost:80:80",
        ] {
            assert!(!answers(other), "{other}");
        }
        assert!(site.answers_to(None).is_err());
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_tls_and_addresses() {
        let site = site("http://127.0.0.1:8080", false);
        let said = [
            ("host", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "198.51.100.1, 203.0.113.9"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        let believed = request("10.0.0.1:1", &said);
        assert!(site.place(&believed).unwrap().secure);
        assert_eq!(site.address(&believed), "203.0.113.9");
        let stranger = request("192.0.2.1:1", &said);
        assert!(!site.place(&stranger).unwrap().secure);
        assert_eq!(site.address(&stranger), "192.0.2.1");
        let one = request("[2001:db8:1:2:3:4:5:6]:1", &[]);
        assert_eq!(site.address(&one), "2001:db8:1:2::/64");
        let mapped = request("[::ffff:192.0.2.1]:1", &[]);
        assert_eq!(site.address(&mapped), "192.0.2.1");
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let site = site("http://127.0.0.1:8080", false);
        let from = |headers: &[(&str, &str)]| {
            let headers = [&[("host", "127.0.0.1:8080")], headers].concat();
            let request = request("192.0.2.1:1", &headers);
            Site::same_origin(&request, &site.place(&request).unwrap()).is_ok()
        };
        assert!(from(&[("origin", "http://127.0.0.1:8080")]));
        assert!(from(&[]));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        for origin in [
            "null",
            "http://127.0.0.1",
            "https://127.0.0.1:8080",
            "http://localhost:8080",
            "http://evil.example",
            "",
        ] {
            assert!(!from(&[("origin", origin)]), "{origin}");
        }
        assert!(!from(&[("sec-fetch-site", "cross-site")]));
        assert!(!from(&[("sec-fetch-site", "same-site")]));
    }
}
