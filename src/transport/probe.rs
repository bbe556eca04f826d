//! Trying the way to a target without sending it a request, to find out whether names are found and
//! TLS works, without troubling anybody's webhook.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::dial::first_that_connects;
use super::failure::{Phase, RequestFailure, io_text};
use super::lookup::permitted;
use super::tls::{TlsSettings, handshake, refused};
use crate::domain::address::AddressRules;
use crate::domain::target::Target;

/// How long looking up, connecting and the handshake may take together.
const BOUND: Duration = Duration::from_secs(10);

/// How long a server that asked for a certificate may take to say that it cannot do without.
const REFUSAL: Duration = Duration::from_secs(1);

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
) -> Result<Reached, RequestFailure> {
    let phase = Cell::new(Phase::Resolve);
    let reached = tokio::time::timeout(BOUND, reach(rules, tls, target, &phase)).await;
    reached.unwrap_or_else(|_elapsed| {
        Err(RequestFailure::Timeout {
            phase: phase.get(),
            after: BOUND,
        })
    })
}

async fn reach(
    rules: &AddressRules,
    tls: &TlsSettings,
    target: &Target,
    phase: &Cell<Phase>,
) -> Result<Reached, RequestFailure> {
    let begin = Instant::now();
    let addresses = permitted(rules, target).await?;
    phase.set(Phase::Connect);
    let stream = first_that_connects(&addresses).await?;
    let address = stream.peer_addr().map_err(|error| RequestFailure::Closed {
        detail: io_text(&error),
    })?;
    phase.set(Phase::Handshake);
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

/// The version of TLS that was agreed on.
async fn shake_hands(
    tls: &TlsSettings,
    target: &Target,
    stream: TcpStream,
) -> Result<String, RequestFailure> {
    let (mut stream, asked) = handshake(tls, &target.host(), stream).await?;
    if asked {
        // In TLS 1.3 the server says only afterwards that it wants a certificate.
        let refusal = tokio::time::timeout(REFUSAL, stream.read(&mut [0; 1])).await;
        if let Ok(Err(error)) = refusal {
            return Err(RequestFailure::Tls(refused(&error, true)));
        }
    }
    let version = stream.get_ref().1.protocol_version();
    Ok(version.map_or_else(String::new, |version| format!("{version:?}")))
}
