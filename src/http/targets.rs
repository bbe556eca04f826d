//! Vetting a subscription's target when somebody names it. It is vetted again at each attempt,
//! so this is for the person: a forbidden target is told at once, not after the first event.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::address::AddressRules;
use crate::domain::target::Target;

/// How long the look-up of a name may take.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Judges a target by its addresses. A name that cannot be looked up now is accepted for
/// `https://`; for `http://` it must lead into the allowed networks.
///
/// # Errors
/// What is wrong with it, naming the address and the rule.
pub async fn vet(rules: &AddressRules, target: &Target) -> Result<(), String> {
    let addresses = match target.literal_address() {
        Some(address) => vec![address],
        None => look_up(target).await,
    };
    if addresses.is_empty() {
        return if target.is_https() {
            Ok(())
        } else {
            Err(format!(
                "`{}` cannot be looked up: a plain http:// target must lead into \
                 HERALD_ALLOW_NETWORKS",
                target.host()
            ))
        };
    }
    rules.vet(target, &addresses).map_err(|error| error.to_string())
}

/// The addresses of the host; none if nobody knows it in time.
async fn look_up(target: &Target) -> Vec<IpAddr> {
    let host = target.host().to_string();
    let found = tokio::net::lookup_host((host, target.port()));
    match tokio::time::timeout(LOOK_UP, found).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}
