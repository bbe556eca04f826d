//! The URL of a subscription's target: which texts are targets, and which of its addresses may be
//! connected to. It resolves nothing: the caller brings the addresses.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

use super::address::{AddressRules, ForbiddenAddress};
use super::target_url::is_masked;

/// Upper bound of a target's length, in characters.
pub const MAX_TARGET: usize = 2_048;

/// A checked `https://` or `http://` URL, normalised as the WHATWG's URL standard rules: the
/// host in lower case and ASCII, an IPv4 address in whatever notation as four numbers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target(Url);

/// Why a text is not a target, or why its addresses may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than [`MAX_TARGET`], as given or once normalised.
    #[error("a target has {length} characters: {MAX_TARGET} are allowed")]
    TooLong {
        /// What was given, in characters.
        length: usize,
    },
    /// A `mailto:` URL.
    #[error("a mail target cannot be connected to: use an https:// URL")]
    Mail,
    /// It does not begin with `https://` or `http://`.
    #[error("a target begins with https:// (or http:// inside HERALD_ALLOW_NETWORKS)")]
    Scheme,
    /// It holds a white space, a control character or a backslash, which programs read in
    /// different ways.
    #[error("a target may not hold {found:?}: write it percent-encoded")]
    Character {
        /// The first such character.
        found: char,
    },
    /// What is shown to those who may not see all of it.
    #[error(
        "this is the URL as it is shown without its path: give the whole URL, or leave it as it was"
    )]
    Masked,
    /// `url` cannot read it.
    #[error("a target is not a URL")]
    Unreadable(#[source] url::ParseError),
    /// A name or a password before the host.
    #[error("a target may not hold a user name or password: send them in a custom header")]
    UserInfo,
    /// A `#` and what follows it, which is never sent.
    #[error("a target may not have a fragment (`#…`): it would never be sent")]
    Fragment,
    /// The host is not a name that can be looked up.
    #[error(
        "`{host}` is not a host name: it has labels of 1 to 63 letters, digits, `-` and `_`, \
         separated by dots, 253 characters in all"
    )]
    HostName {
        /// The host as it was read.
        host: String,
    },
    /// Port 0.
    #[error("port 0 cannot be connected to")]
    Port,
    /// The host has no address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The target's host.
        host: String,
    },
    /// One of its addresses is forbidden.
    #[error("the target `{host}` is forbidden: {source}")]
    Forbidden {
        /// The target's host.
        host: String,
        /// The address, and the rule against it.
        source: ForbiddenAddress,
    },
    /// `http://`, and an address that no allowed network covers.
    #[error(
        "the target `{host}` is forbidden: http:// is for networks in HERALD_ALLOW_NETWORKS, and \
         {address} is in none of them; use https://"
    )]
    PlainHttp {
        /// The target's host.
        host: String,
        /// The first such address.
        address: IpAddr,
    },
    /// A port of services that are not the web's.
    #[error(
        "port {port} is forbidden: targets use port 443 or one from 1024 on, and port 80 inside \
         HERALD_ALLOW_NETWORKS; HERALD_ALLOW_PORTS could permit it"
    )]
    ForbiddenPort {
        /// The target's port.
        port: u16,
    },
    /// Herald itself, or its database, by an address of this machine.
    #[error(
        "the target `{host}` is forbidden: {address} is this machine, and port {port} is that of \
         Herald or of its database; HERALD_ALLOW_NETWORKS could permit it"
    )]
    Own {
        /// The target's host.
        host: String,
        /// The address of this machine.
        address: IpAddr,
        /// The port of Herald or PostgreSQL.
        port: u16,
    },
}

impl Target {
    /// Checks a target.
    ///
    /// # Errors
    /// Says which rule the text breaks; see [`TargetError`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        check_length(text)?;
        if starts_with_ignoring_case(text, "mailto:") {
            return Err(TargetError::Mail);
        }
        if is_masked(text) {
            return Err(TargetError::Masked);
        }
        // The URL standard reads `https:host`, `https:\\host` and line breaks within as well.
        // Nobody means them, so they are refused before they could mislead anyone.
        let strange = |c: &char| c.is_whitespace() || c.is_control() || *c == '\\';
        if let Some(found) = text.chars().find(strange) {
            return Err(TargetError::Character { found });
        }
        let rest = ["https://", "http://"]
            .into_iter()
            .find(|scheme| starts_with_ignoring_case(text, scheme))
            .and_then(|scheme| text.get(scheme.len()..))
            .ok_or(TargetError::Scheme)?;
        if rest.starts_with('/') {
            return Err(TargetError::Unreadable(url::ParseError::EmptyHost));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let url = Url::parse(text).map_err(TargetError::Unreadable)?;
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        if url.port() == Some(0) {
            return Err(TargetError::Port);
        }
        match url.host() {
            Some(Host::Domain(name)) if !is_host_name(name) => {
                return Err(TargetError::HostName {
                    host: name.chars().take(256).collect(),
                });
            }
            Some(_) => {}
            None => return Err(TargetError::Unreadable(url::ParseError::EmptyHost)),
        }
        check_length(url.as_str())?;
        Ok(Self(url))
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is `https://`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host: a name to look up, or an address.
    #[must_use]
    pub fn host(&self) -> Host<&str> {
        // `parse` lets no URL without a host pass; an empty name has no address.
        self.0.host().unwrap_or(Host::Domain(""))
    }

    /// The address, where the host is one and nothing need be looked up.
    #[must_use]
    pub fn literal_address(&self) -> Option<IpAddr> {
        match self.host() {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// The port, given or that of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0
            .port()
            .unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

impl AddressRules {
    /// Judges a target by **all** the addresses that its host has: a name may have a harmless
    /// one and a forbidden one, and the connection could go to either. Connect only to the
    /// addresses passed here, without looking the name up again.
    ///
    /// # Errors
    /// No address, a forbidden one or a forbidden port, or `http://` outside of the allowed
    /// networks.
    pub fn vet(&self, target: &Target, addresses: &[IpAddr]) -> Result<(), TargetError> {
        let host = || target.host().to_string();
        if addresses.is_empty() {
            return Err(TargetError::NoAddress { host: host() });
        }
        let mut uncovered = None;
        for address in addresses {
            match self.check(*address) {
                Ok(permitted) if permitted.covered => {}
                Ok(_) => uncovered = uncovered.or(Some(*address)),
                Err(source) => {
                    return Err(TargetError::Forbidden {
                        host: host(),
                        source,
                    });
                }
            }
        }
        match uncovered {
            Some(address) if !target.is_https() => Err(TargetError::PlainHttp {
                host: host(),
                address,
            }),
            uncovered => self.vet_port(target, uncovered.is_none()),
        }
    }

    /// Judges a target by its port alone, before its addresses are known. `covered`: the
    /// operator's networks cover all of them, or may.
    ///
    /// # Errors
    /// [`TargetError::ForbiddenPort`].
    pub fn vet_port(&self, target: &Target, covered: bool) -> Result<(), TargetError> {
        let port = target.port();
        if self.permits_port(port, covered) {
            Ok(())
        } else {
            Err(TargetError::ForbiddenPort { port })
        }
    }
}

fn check_length(text: &str) -> Result<(), TargetError> {
    // Counted in bytes first: there are never more characters than bytes.
    if text.len() <= MAX_TARGET {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= MAX_TARGET {
        Ok(())
    } else {
        Err(TargetError::TooLong { length })
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether a name can be looked up and asked for in a TLS handshake. A dot at its end, which
/// means "from the root", is allowed.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

impl fmt::Debug for Target {
    /// Without path and query, in which some receivers want a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Target({}://{}:{}/…)",
            self.0.scheme(),
            self.host(),
            self.port()
        )
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
