//! Why a request got no answer, in words for the operator. A target that does not answer is an
//! ordinary outcome, not an error of Herald.

use std::io;
use std::time::Duration;

use crate::domain::target::TargetError;

/// What a request was at when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking the host up.
    Resolve,
    /// Connecting.
    Connect,
    /// Waiting for the head of the answer (the TLS handshake of a new connection included).
    FirstByte,
    /// Reading the body of the answer.
    Body,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The host has no address.
    #[error("The host {host} could not be found ({detail}).")]
    Unresolved {
        /// The host's name.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// The address rules forbid the target.
    #[error("The target is not permitted: {0}.")]
    Forbidden(#[from] TargetError),
    /// No connection.
    #[error("{address} could not be connected to ({detail}).")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        detail: String,
    },
    /// The TLS handshake failed.
    #[error("The TLS connection failed ({0}).")]
    Tls(String),
    /// The deadline passed.
    #[error("{}", timeout_words(*.phase, *.after))]
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// The whole time.
        after: Duration,
    },
    /// The connection ended within the body of the answer.
    #[error("The target closed the connection in the middle of its answer ({0}).")]
    CutOff(String),
    /// The connection ended before the head of the answer was there.
    #[error("The target closed the connection before it answered ({0}).")]
    Closed(String),
    /// The answer is not HTTP.
    #[error("The target's answer is not valid HTTP ({0}).")]
    Malformed(String),
}

fn timeout_words(phase: Phase, after: Duration) -> String {
    let seconds = after.as_secs_f64();
    match phase {
        Phase::Resolve => format!("The host was not found within {seconds:.1} s."),
        Phase::Connect => format!("The target accepted no connection within {seconds:.1} s."),
        Phase::FirstByte => format!("The target did not answer within {seconds:.1} s."),
        Phase::Body => format!("The target did not finish its answer within {seconds:.1} s."),
    }
}

/// What the system said, without its numbers.
pub(super) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::ConnectionAborted => "connection aborted".to_owned(),
        io::ErrorKind::TimedOut => "timed out".to_owned(),
        io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
        io::ErrorKind::UnexpectedEof => "closed too early".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}
