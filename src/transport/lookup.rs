//! The addresses to which a target may be connected: its host is looked up once, and every address
//! is judged. IP literals take the same way, so that no notation gets around the rules. It
//! connects to nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::failure::Failure;
use crate::domain::address::AddressRules;
use crate::domain::target::{Target, TargetError};

/// Looks the host up and judges all its addresses. Connect to these without looking it up again.
///
/// # Errors
/// When the host has no address, or a rule forbids one of them.
pub(super) async fn permitted(
    rules: &AddressRules,
    target: &Target,
) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = resolve(target).await?;
    let judged: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    rules.vet(target, &judged)?;
    Ok(addresses)
}

/// The addresses of a target's host; an IP literal is its own.
async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let port = target.port();
    let unresolved = |host: &str, detail: String| Failure::Unresolved {
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

/// Looks a target up and judges its addresses, as each attempt will: for who wants to refuse a
/// target before anything is sent to it.
///
/// # Errors
/// When the host is not found within 2 s, or an address is forbidden.
pub async fn check_target(rules: &AddressRules, target: &Target) -> Result<(), CheckFailure> {
    const BOUND: Duration = Duration::from_secs(2);
    match tokio::time::timeout(BOUND, permitted(rules, target)).await {
        Ok(Ok(_addresses)) => Ok(()),
        Ok(Err(Failure::Forbidden(error))) => Err(CheckFailure::Forbidden(error)),
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
