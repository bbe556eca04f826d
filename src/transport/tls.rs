//! TLS to targets: the settings of every connection, and the handshake. It knows streams and
//! names, and nothing of what is sent over them.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::failure::{RequestFailure, TlsFailure, io_text};

/// TLS settings, shared by every thread.
pub type TlsSettings = Arc<ClientConfig>;

/// The TLS settings of every request: the system's trusted roots, HTTP/1.1 alone.
///
/// # Errors
/// When no protocol version is left.
pub fn tls_settings() -> Result<TlsSettings, String> {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (added, _ignored) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        tracing::warn!(
            "no trusted root certificates found: https targets will fail (install ca-certificates)"
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(NoCertificate));
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}

tokio::task_local! {
    /// Whether the server of the handshake that this task makes asked for a certificate.
    static ASKED: Cell<bool>;
}

/// Herald has no certificate of its own. It only notes that a server asked for one: in TLS 1.2
/// the server's refusal does not say why.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _issuers: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Outside of a handshake that this module makes, nobody asks for it.
        let _ = ASKED.try_with(|asked| asked.set(true));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Makes the handshake with the server of `host`. Returns the stream, and whether the server asked
/// for a certificate: in TLS 1.3 its refusal comes as the first thing on the stream.
///
/// # Errors
/// [`RequestFailure::Tls`].
pub(super) async fn handshake(
    settings: &TlsSettings,
    host: &Host<&str>,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, bool), RequestFailure> {
    let name = match host {
        Host::Domain(name) => {
            ServerName::try_from((*name).to_owned()).map_err(|error| TlsFailure::Broken {
                detail: error.to_string(),
            })
        }
        Host::Ipv4(address) => Ok(ServerName::from(std::net::IpAddr::from(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(std::net::IpAddr::from(*address))),
    };
    let name = name.map_err(RequestFailure::Tls)?;
    let shaken = ASKED.scope(Cell::new(false), async {
        let shaken = TlsConnector::from(Arc::clone(settings)).connect(name, stream);
        let shaken = shaken.await;
        (shaken, ASKED.with(Cell::get))
    });
    match shaken.await {
        (Ok(stream), asked) => Ok((stream, asked)),
        (Err(error), asked) => Err(RequestFailure::Tls(refused(&error, asked))),
    }
}

/// What an error within the handshake means.
pub(super) fn refused(error: &io::Error, asked: bool) -> TlsFailure {
    match TlsFailure::of(error) {
        Some(TlsFailure::NothingInCommon | TlsFailure::Alert { .. }) if asked => {
            TlsFailure::ClientCertificate
        }
        Some(failure) => failure,
        None if asked => TlsFailure::ClientCertificate,
        None => TlsFailure::Closed {
            detail: io_text(error),
        },
    }
}
