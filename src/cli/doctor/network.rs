//! The way out: whether names are found, and whether TLS to targets works. Nothing is sent to
//! them.

use std::sync::Arc;

use super::finding::DoctorFinding;
use crate::app::address_rules;
use crate::config::Config;
use crate::domain::address::AddressRules;
use crate::domain::target::Target;
use crate::store::Database;
use crate::transport::{RequestFailure, TlsSettings, tls_settings, try_target};

const DNS: &str = "DNS";
const TLS: &str = "outbound TLS";

/// Tries the targets that were asked for, else some of those that webhooks have.
pub(super) async fn examine(
    config: &Config,
    asked: &[String],
    of_webhooks: &[String],
) -> Vec<DoctorFinding> {
    let tls = match tls_settings() {
        Ok(tls) => tls,
        Err(reason) => return vec![DoctorFinding::failed(TLS, reason, "report this as a fault")],
    };
    let rules = address_rules(config, guarded(config));
    let urls = if asked.is_empty() { of_webhooks } else { asked };
    let mut targets: Vec<Target> = Vec::new();
    let mut findings = Vec::new();
    for url in urls {
        match Target::parse(url) {
            // One look at each server is enough.
            Ok(target) => {
                let known = targets
                    .iter()
                    .any(|it| it.host() == target.host() && it.port() == target.port());
                if !known {
                    targets.push(target);
                }
            }
            Err(error) => {
                let found = format!("{url}: {error}");
                findings.push(DoctorFinding::failed(
                    TLS,
                    found,
                    "give an https:// address",
                ));
            }
        }
    }
    if targets.is_empty() && findings.is_empty() {
        findings.push(names().await);
        findings.push(DoctorFinding::ok(
            TLS,
            "no webhook with an https target to try; `--url https://…` tries one",
        ));
        return findings;
    }
    let rules = Arc::new(rules);
    let tries = targets.iter().map(|target| one(&rules, &tls, target));
    findings.extend(futures_util::future::join_all(tries).await);
    if !findings.iter().any(|finding| finding.check == DNS) {
        findings.insert(0, names().await);
    }
    findings
}

/// The ports of this machine to which the daemon lets no target lead.
fn guarded(config: &Config) -> Vec<u16> {
    let own = config.http.listeners().into_iter();
    let own = own.map(|(_, address)| address.port());
    let database = config.database.url.as_deref();
    let database = database.and_then(|url| Database::new(url, 1).ok());
    let database = database.map_or_else(Vec::new, |database| database.ports());
    own.chain(database).collect()
}

async fn one(rules: &AddressRules, tls: &TlsSettings, target: &Target) -> DoctorFinding {
    let host = target.host();
    match try_target(rules, tls, target).await {
        Ok(reached) => {
            let how = reached.tls.as_deref().unwrap_or("no TLS");
            let took = reached.duration.as_millis();
            DoctorFinding::ok(
                TLS,
                format!("{host} at {}: {how} after {took} ms", reached.address),
            )
        }
        Err(failure @ RequestFailure::Unresolved { .. }) => {
            DoctorFinding::failed(DNS, failure.what(), failure.remedy())
        }
        Err(failure @ RequestFailure::Forbidden(_)) => DoctorFinding::warning(
            TLS,
            format!("{host}: {failure}"),
            "let the setting that it names permit it, if deliveries may go there",
        ),
        Err(failure) => {
            DoctorFinding::failed(TLS, format!("{host}: {}", failure.what()), failure.remedy())
        }
    }
}

/// Whether the resolver of the system works at all: every machine knows itself.
async fn names() -> DoctorFinding {
    const NAME: &str = "localhost";
    match tokio::net::lookup_host((NAME, 0)).await {
        Ok(_) => DoctorFinding::ok(DNS, "names are found"),
        Err(error) => DoctorFinding::failed(
            DNS,
            format!("not even {NAME} is found: {error}"),
            "check /etc/hosts, /etc/nsswitch.conf and /etc/resolv.conf",
        ),
    }
}
