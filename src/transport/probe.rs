//! Trying the way to a target without sending it a request: for who wants to know whether names
//! are found and TLS works, without troubling anybody's webhook.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::TlsSettings;
use super::connector::resolve;
use super::failure::{Failure, io_words};
use crate::domain::address::AddressRules;
use crate::domain::target::Target;

/// How long looking up, connecting and the handshake may take together.
const BOUND: Duration = Duration::from_secs(10);

/// A target whose handshake was made.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The address that was connected to.
    pub address: SocketAddr,
    /// The version of TLS, as in `TLSv1_3`; none: the target is http.
    pub tls: Option<String>,
    /// From the look-up to the end of the handshake.
    pub duration: Duration,
}

/// Looks a target up, judges its addresses as each attempt does, connects, makes the TLS handshake
/// and hangs up. Nothing is sent.
///
/// # Errors
/// What an attempt would fail with; after 10 s that it took too long.
pub async fn try_target(
    rules: &AddressRules,
    tls: &TlsSettings,
    target: &Target,
) -> Result<Reached, Failure> {
    let late = |_elapsed| Failure::Unreachable {
        address: target.as_str().to_owned(),
        detail: format!("no answer within {} s", BOUND.as_secs()),
    };
    tokio::time::timeout(BOUND, reach(rules, tls, target))
        .await
        .map_err(late)?
}

async fn reach(
    rules: &AddressRules,
    tls: &TlsSettings,
    target: &Target,
) -> Result<Reached, Failure> {
    let begin = Instant::now();
    let addresses = resolve(target).await?;
    let judged: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    rules.vet(target, &judged)?;
    let stream = super::connector::first_that_connects(&addresses).await?;
    let address = stream.peer_addr().map_err(|error| Failure::Unreachable {
        address: target.as_str().to_owned(),
        detail: io_words(&error),
    })?;
    let version = if target.is_https() {
        Some(shake_hands(tls, target, stream).await?)
    } else {
        None
    };
    Ok(Reached {
        address,
        tls: version,
        duration: begin.elapsed(),
    })
}

async fn shake_hands(
    tls: &TlsSettings,
    target: &Target,
    stream: TcpStream,
) -> Result<String, Failure> {
    let host = target.host().to_string();
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(bare).map_err(|error| Failure::Tls(error.to_string()))?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(|error| Failure::Tls(io_words(&error)))?;
    let version = stream.get_ref().1.protocol_version();
    Ok(version.map_or_else(String::new, |version| format!("{version:?}")))
}
