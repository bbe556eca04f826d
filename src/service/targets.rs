//! Vetting a subscription's target when somebody names it. It is vetted again at each attempt,
//! so this is for the person: a forbidden target is reported at once, not after the first event.

use crate::actors::Engine;
use crate::domain::target::Target;
use crate::transport::CheckFailure;

/// Judges a target by its addresses. A name that cannot be looked up now is accepted for
/// `https://`; for `http://` it must lead into the allowed networks.
///
/// # Errors
/// What is wrong with it, naming the address and the rule.
pub(super) async fn vet(engine: &Engine, target: &Target) -> Result<(), String> {
    match engine.check_target(target).await {
        Ok(()) => Ok(()),
        Err(CheckFailure::Unresolved(_)) if target.is_https() => Ok(()),
        Err(CheckFailure::Unresolved(reason)) => Err(format!(
            "{reason} A plain http:// target must lead into HERALD_ALLOW_NETWORKS, so its host must \
             be found."
        )),
        Err(CheckFailure::Forbidden(error)) => Err(error.to_string()),
    }
}
