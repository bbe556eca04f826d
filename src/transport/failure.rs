//! Why a request got no answer, for the people who run shops: each failure says what happened and
//! what to do about it. A target that does not answer is an ordinary outcome, not an error of
//! Herald. It knows neither how requests are made nor who reads this.

mod handshake;

use std::fmt;
use std::io;
use std::time::Duration;

pub use handshake::TlsFailure;

use crate::domain::target::TargetError;

/// What a request was at when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking the host up.
    Resolve,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Waiting for the head of the answer.
    FirstByte,
    /// Reading the body of the answer.
    Body,
}

/// Why there is no answer. `Display` is what happened and then what to do.
#[derive(Debug)]
pub enum RequestFailure {
    /// The host has no address.
    Unresolved {
        /// The host's name.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// The address rules forbid the target.
    Forbidden(TargetError),
    /// Every address refused the connection.
    Refused {
        /// The addresses with their port.
        addresses: String,
    },
    /// No address could be connected to.
    Unreachable {
        /// The addresses with their port, and what the system said of each.
        addresses: String,
    },
    /// This machine could not open a socket.
    NoSocket {
        /// What the system said.
        detail: String,
    },
    /// There is no TLS connection.
    Tls(TlsFailure),
    /// The deadline passed.
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// The whole time.
        after: Duration,
    },
    /// The connection was closed before the head of the answer was there.
    Closed {
        /// What the system said.
        detail: String,
    },
    /// The connection was reset before the head of the answer was there.
    Reset,
    /// The connection ended before the body had the length that the head announced.
    CutShort {
        /// Bytes that came.
        received: u64,
        /// Bytes that the head announced.
        announced: u64,
    },
    /// The connection ended before the last chunk of the body.
    CutInChunks,
    /// The connection broke within the body.
    CutOff {
        /// What the system said.
        detail: String,
    },
    /// What came does not begin like HTTP.
    NotHttp {
        /// Its beginning.
        begins: String,
    },
    /// TLS came as the answer to a request in plain.
    NotPlain,
    /// The head of the answer breaks the rules of HTTP.
    Malformed {
        /// Which one.
        detail: String,
    },
    /// A chunk of the body breaks the rules of HTTP.
    BadChunk {
        /// How.
        detail: String,
    },
    /// The head is too long.
    HeadTooLong {
        /// Bytes that it may have.
        most: usize,
    },
    /// The head has too many fields.
    TooManyFields {
        /// Fields that it may have.
        most: usize,
    },
    /// Interim answers (1xx) came, and no end of them.
    TooManyInterim {
        /// Interim answers that may come.
        most: usize,
    },
    /// 101 Switching Protocols, for which nobody asked.
    Switched,
}

impl RequestFailure {
    /// What happened: a sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Unresolved { host, detail } => {
                format!("The host {host} was not found ({detail}).")
            }
            Self::Forbidden(error) => format!("The target is not permitted: {error}."),
            Self::Refused { addresses } => {
                format!("Nothing accepts connections at {addresses} (connection refused).")
            }
            Self::Unreachable { addresses } => format!("Herald could not connect to {addresses}."),
            Self::NoSocket { detail } => {
                format!("Herald's own machine could not open a connection ({detail}).")
            }
            Self::Tls(failure) => failure.what(),
            Self::Timeout { phase, after } => {
                let what = match phase {
                    Phase::Resolve => "The name server did not answer",
                    Phase::Connect => "The target accepted no connection",
                    Phase::Handshake => "The target did not complete the TLS handshake",
                    Phase::FirstByte => "The target did not answer",
                    Phase::Body => "The target did not finish its answer",
                };
                format!("{what} within {:.1} s.", after.as_secs_f64())
            }
            Self::Closed { detail } => {
                format!("The target closed the connection before it answered ({detail}).")
            }
            Self::Reset => "The target reset the connection before it answered.".to_owned(),
            Self::CutShort {
                received,
                announced,
            } => format!(
                "The target closed the connection in the middle of its answer: {received} of \
                 {announced} bytes came."
            ),
            Self::CutInChunks => "The target closed the connection in the middle of its answer: \
                                  the last chunk is missing."
                .to_owned(),
            Self::CutOff { detail } => {
                format!("The connection broke in the middle of the target's answer ({detail}).")
            }
            Self::NotHttp { begins } => {
                format!("The target's answer is not valid HTTP: it begins with `{begins}`.")
            }
            Self::NotPlain => "The target speaks TLS on this port, and the webhook's URL begins \
                               with http://."
                .to_owned(),
            Self::Malformed { detail } => {
                format!("The target's answer is not valid HTTP ({detail}).")
            }
            Self::BadChunk { detail } => {
                format!("The target's answer has a malformed chunk ({detail}).")
            }
            Self::HeadTooLong { most } => {
                format!("The head of the target's answer has more than {most} bytes.")
            }
            Self::TooManyFields { most } => {
                format!("The target's answer has more than {most} header fields.")
            }
            Self::TooManyInterim { most } => {
                format!("The target sent more than {most} interim answers (1xx) and no final one.")
            }
            Self::Switched => {
                "The target switched to another protocol (101) instead of answering.".to_owned()
            }
        }
    }

    /// What to do about it: a sentence or two; empty where [`RequestFailure::what`] says it already.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => {
                "Check the spelling of the name and its DNS records. If other names fail too, \
                 check the resolver of Herald's machine (/etc/resolv.conf)."
            }
            Self::Forbidden(_) => "",
            Self::Refused { .. } => "Check the port in the URL, and that the receiver runs.",
            Self::Unreachable { .. } => {
                "Check the address and the port, and that Herald's machine has a way to it (a \
                 route, IPv6, a firewall)."
            }
            Self::NoSocket { .. } => {
                "Raise the number of open files (LimitNOFILE=) or of local ports on Herald's \
                 machine, or lower max_in_flight."
            }
            Self::Tls(failure) => failure.remedy(),
            Self::Timeout { phase, .. } => match phase {
                Phase::Resolve => "Check the resolver of Herald's machine (/etc/resolv.conf).",
                Phase::Connect => {
                    "Check the address and the port, and that no firewall drops connections from \
                     Herald's machine."
                }
                Phase::Handshake => "Check that this port serves HTTPS.",
                Phase::FirstByte => {
                    "Let the receiver answer first and do its work afterwards, or raise the \
                     webhook's timeout."
                }
                Phase::Body => {
                    "Let the receiver send a short answer at once, or raise the webhook's timeout."
                }
            },
            Self::Closed { .. } | Self::Reset => {
                "See the log of the receiver and of each proxy before it: it may have crashed, \
                 restarted, or refused the request without an answer."
            }
            Self::CutShort { .. } | Self::CutInChunks | Self::CutOff { .. } => {
                "See the log of the receiver and of each proxy before it: it may have crashed \
                 while it answered."
            }
            Self::NotHttp { .. } => "Check the port in the URL: a web server must listen there.",
            Self::NotPlain => "Begin the URL with https://.",
            Self::Malformed { .. } | Self::BadChunk { .. } => {
                "Correct what the receiver, or a proxy before it, sends."
            }
            Self::HeadTooLong { .. } | Self::TooManyFields { .. } => {
                "Let the receiver send fewer or shorter headers; cookies are of no use to Herald."
            }
            Self::TooManyInterim { .. } => "Let the receiver send its final answer.",
            Self::Switched => "Use a URL that takes a POST: a WebSocket cannot receive a webhook.",
        }
    }

    /// What an error of a stream means: the failure that it carries, or what TLS says, else what
    /// `otherwise` makes of it.
    pub(super) fn of_io(error: io::Error, otherwise: impl FnOnce(&io::Error) -> Self) -> Self {
        if let Some(failure) = TlsFailure::of(&error) {
            return Self::Tls(failure);
        }
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => otherwise(&error),
        }
    }

    /// What the end of a connection means on which no head of an answer came.
    pub(super) fn before_the_answer(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Closed {
                detail: io_text(error),
            },
        }
    }

    /// What an answer is that does not begin with `HTTP/`. `bytes` is its beginning.
    #[must_use]
    pub fn not_http(bytes: &[u8]) -> Self {
        const SHOWN: usize = 40;
        // A TLS record: an alert or a handshake of version 3.
        if matches!(bytes, [0x15 | 0x16, 0x03, ..]) {
            return Self::NotPlain;
        }
        let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
        let text = String::from_utf8_lossy(line.unwrap_or_default());
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self::NotHttp {
            begins: shown.take(SHOWN).collect(),
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, remedy) = (self.what(), self.remedy());
        f.write_str(&what)?;
        if !remedy.is_empty() {
            write!(f, " {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RequestFailure {}

impl From<TargetError> for RequestFailure {
    fn from(error: TargetError) -> Self {
        Self::Forbidden(error)
    }
}

/// For streams beneath a client that knows only errors of streams; `RequestFailure::of_io` takes
/// it out again.
impl From<RequestFailure> for io::Error {
    fn from(failure: RequestFailure) -> Self {
        let kind = match failure {
            RequestFailure::CutShort { .. }
            | RequestFailure::CutInChunks
            | RequestFailure::Closed { .. } => io::ErrorKind::UnexpectedEof,
            RequestFailure::Reset | RequestFailure::CutOff { .. } => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, failure)
    }
}

/// What the system said, without its numbers.
pub(super) fn io_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::ConnectionAborted => "connection aborted".to_owned(),
        io::ErrorKind::TimedOut => "timed out".to_owned(),
        io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
        io::ErrorKind::UnexpectedEof => "end of the stream".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::AddrNotAvailable => "no local address or port is free".to_owned(),
        _ => error.to_string(),
    }
}
