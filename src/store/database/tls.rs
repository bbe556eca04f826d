//! TLS to the database: what is trusted in each mode, and what went wrong, as a plain text.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Roots, TlsMode};
use crate::store::StoreError;

/// What connections are encrypted with; None: with nothing.
///
/// # Errors
/// When the file of the trusted CA cannot be used, with a text for the operator.
pub(super) fn connector(address: &Address) -> Result<Option<MakeRustlsConnect>, StoreError> {
    let chain = match (address.mode, &address.roots) {
        (TlsMode::Disable, _) => return Ok(None),
        (TlsMode::Prefer, _) | (TlsMode::Require, None) => None,
        // A CA that is named is used: so do PostgreSQL's own clients.
        (TlsMode::Require, Some(roots)) => Some(trusted(roots)?),
        (TlsMode::VerifyCa | TlsMode::VerifyFull, roots) => {
            Some(trusted(roots.as_ref().unwrap_or(&Roots::System))?)
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unfit = |error: &dyn std::fmt::Display| {
        StoreError::Unfit(format!("TLS to the database cannot be set up: {error}"))
    };
    let chain = match chain {
        None => None,
        Some(roots) => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| unfit(&error))?,
        ),
    };
    let verifier = Verifier {
        chain,
        names: address.mode == TlsMode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(settings)))
}

fn trusted(roots: &Roots) -> Result<RootCertStore, StoreError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            let native = rustls_native_certs::load_native_certs();
            let (added, _ignored) = store.add_parsable_certificates(native.certs);
            if added == 0 {
                return Err(StoreError::Unfit(
                    "the system has no trusted certificates to verify the database by: install \
                     ca-certificates, or name the CA's file by HERALD_DATABASE_CA_FILE"
                        .to_owned(),
                ));
            }
        }
        Roots::File(path) => {
            let shown = path.display();
            let text = std::fs::read(path).map_err(|error| {
                StoreError::Unfit(format!(
                    "the file of the database's CA, {shown}, cannot be read: {error} \
                     (database_ca_file, or sslrootcert in the URL)"
                ))
            })?;
            let unfit = |what: &str| {
                StoreError::Unfit(format!(
                    "the file of the database's CA, {shown}, {what}: it should hold one \
                     certificate or more in PEM (-----BEGIN CERTIFICATE-----)"
                ))
            };
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate =
                    certificate.map_err(|_pem| unfit("holds PEM that cannot be read"))?;
                store
                    .add(certificate)
                    .map_err(|_der| unfit("holds a certificate that cannot be read"))?;
            }
            if store.is_empty() {
                return Err(unfit("holds no certificate"));
            }
        }
    }
    Ok(store)
}

/// Verifies as much as the mode asks for. The handshake's signature is verified in any case.
#[derive(Debug)]
struct Verifier {
    /// None: any certificate is taken.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// The certificate must be for this host.
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, when the chain has passed.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// What is wrong with the server's certificate, and what to do, if that is what went wrong.
pub(super) fn error_text(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<Error>());
        if let Some(error) = inner {
            return Some(of_tls(error));
        }
        if error.to_string() == "server does not support TLS" {
            return Some(
                "the server offers no TLS: set `ssl = on` in its postgresql.conf, or another \
                 sslmode in the database URL"
                    .to_owned(),
            );
        }
        next = error.source();
    }
    None
}

fn of_tls(error: &Error) -> String {
    let Error::InvalidCertificate(why) = error else {
        return format!("no TLS with the server: {error}");
    };
    let what_to_do = match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is not of a CA that is trusted: name the file of its CA by \
             HERALD_DATABASE_CA_FILE, or sslrootcert in the database URL"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host: use the name that it is for in the database URL, or have it \
             made for this one"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it ran out: renew it on the server"
        }
        CertificateError::Other(_) => {
            "if it is a CA's own certificate: have the server use one that the CA signed"
        }
        _ => "have the server use another one",
    };
    format!("the server's certificate was refused: {error}; {what_to_do}")
}
