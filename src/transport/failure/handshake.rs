//! Why there is no TLS connection: what rustls found, read from its typed errors, as what
//! happened and what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

const DAY: u64 = 24 * 3600;

/// What is wrong with the server's certificate or with the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFailure {
    /// No authority that this machine trusts signed the certificate.
    UnknownIssuer,
    /// The server uses a certificate that signs others: mostly one that signed itself.
    SelfSigned,
    /// The certificate is out of date.
    Expired {
        /// Whole days since then, if they are known.
        days: Option<u64>,
    },
    /// The certificate is not in force yet.
    NotYetValid {
        /// Days until then, rounded up, if they are known.
        days: Option<u64>,
    },
    /// The certificate is for other hosts.
    WrongName {
        /// The names in it.
        names: Vec<String>,
    },
    /// Something else about the certificate.
    Certificate {
        /// What rustls said.
        detail: String,
    },
    /// The server does not speak TLS on this port.
    NotTls,
    /// The server wants a certificate from Herald.
    ClientCertificate,
    /// The server offers old versions of TLS alone.
    OldVersion,
    /// There is no cipher, key exchange or kind of signature that both know.
    NothingInCommon,
    /// The server does not know the name that it is asked for.
    UnknownName,
    /// The server speaks other protocols than HTTP/1.1 alone.
    NoHttp1,
    /// The server broke the handshake off for another reason.
    Alert {
        /// The reason that it gave.
        detail: String,
    },
    /// The connection ended within the handshake.
    Closed {
        /// What the system said.
        detail: String,
    },
    /// Anything else.
    Broken {
        /// What rustls said.
        detail: String,
    },
}

impl TlsFailure {
    /// What an error of a stream says about TLS; none: nothing.
    pub(in crate::transport) fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(Self::from(inner))
    }

    /// What happened: a sentence.
    pub(super) fn what(&self) -> String {
        match self {
            Self::UnknownIssuer => "The target's certificate comes from an authority that \
                                    Herald's machine does not trust."
                .to_owned(),
            Self::SelfSigned => "The target uses a self-signed certificate, or that of an \
                                 authority itself."
                .to_owned(),
            Self::Expired { days } => match days {
                Some(0) => "The target's certificate expired less than a day ago.".to_owned(),
                Some(days) => format!("The target's certificate expired {} ago.", counted(*days)),
                None => "The target's certificate has expired.".to_owned(),
            },
            Self::NotYetValid { days } => match days {
                Some(days) => format!(
                    "The target's certificate becomes valid only in {}.",
                    counted(*days)
                ),
                None => "The target's certificate is not valid yet.".to_owned(),
            },
            Self::WrongName { names } => match names.as_slice() {
                [] => "The target's certificate is for no host name.".to_owned(),
                names => format!(
                    "The target's certificate is for another host: {}.",
                    some_of(names)
                ),
            },
            Self::Certificate { detail } => {
                format!("The target's certificate cannot be used ({detail}).")
            }
            Self::NotTls => "The target does not speak TLS on this port: it answered in plain, \
                             and the webhook's URL begins with https://."
                .to_owned(),
            Self::ClientCertificate => {
                "The target demands a client certificate, and Herald has none.".to_owned()
            }
            Self::OldVersion => {
                "The target offers neither TLS 1.2 nor TLS 1.3, which Herald needs.".to_owned()
            }
            Self::NothingInCommon => "The target and Herald have no cipher, key exchange or kind \
                                      of signature in common."
                .to_owned(),
            Self::UnknownName => {
                "The target's server has no site of the name in the URL.".to_owned()
            }
            Self::NoHttp1 => "The target does not offer HTTP/1.1, which Herald speaks.".to_owned(),
            Self::Alert { detail } => {
                format!("The target broke the TLS handshake off (alert {detail}).")
            }
            Self::Closed { detail } => {
                format!("The target closed the connection within the TLS handshake ({detail}).")
            }
            Self::Broken { detail } => format!("The TLS connection failed ({detail})."),
        }
    }

    /// What to do about it.
    pub(super) const fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "Let the server send its intermediate certificates as well. If the authority is \
                 your own, put its certificate into /usr/local/share/ca-certificates/ as a .crt \
                 file on Herald's machine, run update-ca-certificates, and restart Herald."
            }
            Self::SelfSigned => {
                "Give the server a certificate that an authority has signed for it: a public one, \
                 or your own, which Herald's machine must trust."
            }
            Self::Expired { .. } => {
                "Renew it on the server, and see why it was not renewed by itself. If it is \
                 current, the clock of Herald's machine is wrong."
            }
            Self::NotYetValid { .. } => {
                "Check the clocks of the server that made it and of Herald's machine."
            }
            Self::WrongName { .. } => {
                "Use a name from the certificate in the URL, or give the server a certificate for \
                 the URL's host."
            }
            Self::Certificate { .. } => "Give the server a new certificate for HTTPS.",
            Self::NotTls => {
                "Check the port in the URL. http:// is possible only where allow_networks covers \
                 the address."
            }
            Self::ClientCertificate => {
                "Let the server take requests to this URL without one, and verify the webhook's \
                 signature instead."
            }
            Self::OldVersion => "Update the server, or enable TLS 1.2 or 1.3 there.",
            Self::NothingInCommon => {
                "Allow the usual ciphers of TLS 1.2 or 1.3 on the server (ECDHE with AES-GCM or \
                 ChaCha20), with an RSA or ECDSA certificate."
            }
            Self::UnknownName => "Check the host in the URL, and the server's settings for it.",
            Self::NoHttp1 => "Enable HTTP/1.1 on the server.",
            Self::Alert { .. } => "See the server's log.",
            Self::Closed { .. } => {
                "Check that this port serves HTTPS for this host, and that no firewall or proxy \
                 breaks the connection."
            }
            Self::Broken { .. } => "Check the server's TLS settings.",
        }
    }
}

fn counted(days: u64) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// A certificate may have a hundred names.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl From<&rustls::Error> for TlsFailure {
    fn from(error: &rustls::Error) -> Self {
        use rustls::Error;

        match error {
            Error::InvalidCertificate(problem) => certificate(problem),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            // Plain text that is read as a record has a version or a length that none has.
            Error::InvalidMessage(
                InvalidMessage::UnknownProtocolVersion | InvalidMessage::MessageTooLarge,
            ) => Self::NotTls,
            Error::AlertReceived(alert) => alerted(*alert),
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::OldVersion,
            Error::PeerIncompatible(_) => Self::NothingInCommon,
            Error::NoApplicationProtocol => Self::NoHttp1,
            other => Self::Broken {
                detail: other.to_string(),
            },
        }
    }
}

fn certificate(problem: &CertificateError) -> TlsFailure {
    let days = |from: u64, to: u64| to.saturating_sub(from);
    match problem {
        CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
        CertificateError::Expired => TlsFailure::Expired { days: None },
        CertificateError::ExpiredContext { time, not_after } => TlsFailure::Expired {
            days: Some(days(not_after.as_secs(), time.as_secs()) / DAY),
        },
        CertificateError::NotValidYet => TlsFailure::NotYetValid { days: None },
        CertificateError::NotValidYetContext { time, not_before } => TlsFailure::NotYetValid {
            days: Some(days(time.as_secs(), not_before.as_secs()).div_ceil(DAY)),
        },
        CertificateError::NotValidForName => TlsFailure::WrongName { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => TlsFailure::WrongName {
            names: presented.iter().map(|name| plain_name(name)).collect(),
        },
        CertificateError::Other(other)
            if matches!(
                other.0.downcast_ref::<webpki::Error>(),
                Some(webpki::Error::CaUsedAsEndEntity)
            ) =>
        {
            TlsFailure::SelfSigned
        }
        other => TlsFailure::Certificate {
            detail: other.to_string(),
        },
    }
}

/// `shop.example` of `DnsName("shop.example")`, which is how rustls presents names.
fn plain_name(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"').to_owned()
}

fn alerted(alert: AlertDescription) -> TlsFailure {
    match alert {
        AlertDescription::CertificateRequired => TlsFailure::ClientCertificate,
        AlertDescription::ProtocolVersion => TlsFailure::OldVersion,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            TlsFailure::NothingInCommon
        }
        AlertDescription::UnrecognisedName => TlsFailure::UnknownName,
        AlertDescription::NoApplicationProtocol => TlsFailure::NoHttp1,
        other => TlsFailure::Alert {
            detail: format!("{other:?}"),
        },
    }
}
