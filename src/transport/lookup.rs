//! The addresses to which a target may be connected: its host is looked up once, and every address
//! is judged. IP literals take the same way, so that no notation gets around the rules. It
//! connects to nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::failure::RequestFailure;
use crate::domain::address::{AddressRules, unwrap_address};
use crate::domain::target::{Target, TargetError};

/// Looks the host up and judges all its addresses. Connect to these without looking it up again.
///
/// # Errors
/// When the host has no address, or a rule forbids one of them.
pub(super) async fn permitted(
    rules: &AddressRules,
    target: &Target,
) -> Result<Vec<SocketAddr>, RequestFailure> {
    rules.vet_port(target, true)?;
    let addresses = resolve(target).await?;
    let judged: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    rules.vet(target, &judged)?;
    if rules.guards(target.port()) {
        // What the operator covers by name may lead to Herald: an event that comes round is
        // refused by its hops.
        let uncovered = |address: &&IpAddr| rules.check(**address).is_ok_and(|it| !it.covered);
        let mut uncovered = judged.iter().filter(uncovered);
        if let Some(address) = uncovered.find(|address| is_own(unwrap_address(**address))) {
            return Err(RequestFailure::Forbidden(TargetError::Own {
                host: target.host().to_string(),
                address: *address,
                port: target.port(),
            }));
        }
    }
    Ok(addresses)
}

/// Whether an address is one of this machine's: the system then speaks to it from itself. It is
/// asked each time, because addresses come and go. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    let from: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let asked = UdpSocket::bind((from, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    asked.is_ok_and(|own| own.ip() == address)
}

/// The addresses of a target's host; an IP literal is its own.
async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, RequestFailure> {
    let port = target.port();
    let unresolved = |host: &str, detail: String| RequestFailure::Unresolved {
        host: host.to_owned(),
        detail,
    };
    match target.host() {
        url::Host::Ipv4(address) => Ok(vec![SocketAddr::from((address, port))]),
        url::Host::Ipv6(address) => Ok(vec![SocketAddr::from((address, port))]),
        url::Host::Domain(name) => {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, port))
                .await
                .map_err(|error| unresolved(name, error.to_string()))?
                .collect();
            if found.is_empty() {
                return Err(unresolved(name, "it has no address".to_owned()));
            }
            Ok(found)
        }
    }
}

/// Looks a target up and judges its addresses, as each attempt will, so that a target can be
/// refused before anything is sent to it.
///
/// # Errors
/// When the host is not found within 2 s, or an address is forbidden.
pub async fn check_target(rules: &AddressRules, target: &Target) -> Result<(), CheckFailure> {
    const BOUND: Duration = Duration::from_secs(2);
    match tokio::time::timeout(BOUND, permitted(rules, target)).await {
        Ok(Ok(_addresses)) => Ok(()),
        Ok(Err(RequestFailure::Forbidden(error))) => Err(CheckFailure::Forbidden(error)),
        Ok(Err(failure)) => Err(CheckFailure::Unresolved(failure.to_string())),
        Err(_elapsed) => Err(CheckFailure::Unresolved("no answer within 2 s".to_owned())),
    }
}

/// Why a target fails [`check_target`].
#[derive(Debug, thiserror::Error)]
pub enum CheckFailure {
    /// Its host was not found; that may change.
    #[error("{0}")]
    Unresolved(String),
    /// A rule forbids it.
    #[error(transparent)]
    Forbidden(TargetError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_its_own_addresses() {
        for own in ["127.0.0.1", "::1"] {
            assert!(is_own(own.parse().unwrap()), "{own}");
        }
        for foreign in ["192.0.2.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_own(foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[actix_rt::test]
    async fn a_forbidden_port_needs_no_look_up() {
        let target = Target::parse("https://nothing.invalid:22/").unwrap();
        let refused = check_target(&AddressRules::default(), &target).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("HERALD_ALLOW_PORTS"), "{refused}");
    }
}
