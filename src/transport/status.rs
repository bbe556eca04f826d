//! Answers that are no success: what each status means, and what to do about it.

use std::ops::RangeInclusive;

use super::failure::{RequestFailure, TlsFailure};

/// Statuses, the name of one alone, and what to do; the first that fits counts.
const STATUSES: &[(RangeInclusive<u16>, &str, &str)] = &[
    (
        300..=399,
        "a redirect, which is not followed",
        "Set the webhook's URL to the address that the target redirects to.",
    ),
    (400..=400, "Bad Request", REFUSED),
    (401..=401, "Unauthorized", CREDENTIAL),
    (403..=403, "Forbidden", CREDENTIAL),
    (
        404..=404,
        "Not Found",
        "Check the path in the webhook's URL.",
    ),
    (
        405..=405,
        "Method Not Allowed",
        "Use a URL that takes POST requests.",
    ),
    (
        408..=408,
        "Request Timeout",
        "The receiver waited too long for the request: check it, and each proxy before it.",
    ),
    (
        410..=410,
        "Gone",
        "Herald disabled the webhook: enable it when the target wants events again.",
    ),
    (
        413..=413,
        "Content Too Large",
        "Raise the receiver's limit for bodies, or send less with a plugin.",
    ),
    (
        415..=415,
        "Unsupported Media Type",
        "Let the receiver take application/json, or send another type with a plugin.",
    ),
    (422..=422, "Unprocessable Content", REFUSED),
    (
        429..=429,
        "Too Many Requests",
        "Lower the webhook's max_in_flight, or raise the receiver's limit.",
    ),
    (400..=499, "", REFUSED),
    (
        500..=500,
        "Internal Server Error",
        "See the receiver's log for its fault.",
    ),
    (502..=502, "Bad Gateway", GATEWAY),
    (
        503..=503,
        "Service Unavailable",
        "The receiver is overloaded or under maintenance: see its log, and that of each proxy \
         before it.",
    ),
    (504..=504, "Gateway Timeout", GATEWAY),
    (500..=u16::MAX, "", "See the receiver's log for its fault."),
];

const REFUSED: &str = "Compare what was sent with what the receiver expects; its answer may say \
                       more.";
const CREDENTIAL: &str = "Check the credentials in the webhook's headers, and that the receiver \
                          has its signing secret.";
const GATEWAY: &str = "The proxy before the receiver got no answer from it: check that the \
                       receiver runs and is quick enough.";

/// What nginx, Go and Apache answer with 400 to a request in plain on a port for TLS.
const PLAIN_ON_TLS: [&str; 3] = [
    "plain HTTP request was sent to HTTPS port",
    "sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
];
/// What nginx answers with 400 to somebody without a client certificate.
const NO_CERTIFICATE: &str = "No required SSL certificate was sent";

/// What an answer with this status means, and what to do about it.
#[must_use]
pub fn refusal(status: u16, body: &[u8]) -> String {
    if status == 400 {
        let body = String::from_utf8_lossy(body);
        if PLAIN_ON_TLS.iter().any(|text| body.contains(text)) {
            return format!("The target answered 400. {}", RequestFailure::NotPlain);
        }
        if body.contains(NO_CERTIFICATE) {
            let failure = RequestFailure::Tls(TlsFailure::ClientCertificate);
            return format!("The target answered 400. {failure}");
        }
    }
    let known = STATUSES.iter().find(|(range, ..)| range.contains(&status));
    match known {
        Some((_, "", remedy)) => format!("The target answered {status}. {remedy}"),
        Some((_, name, remedy)) => format!("The target answered {status} ({name}). {remedy}"),
        None => format!("The target answered {status}."),
    }
}

/// What each status says, and what to do about it.
#[cfg(test)]
pub(super) fn table() -> impl Iterator<Item = (String, String)> {
    STATUSES.iter().map(|(range, name, remedy)| {
        let status = match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, _) => format!("{}xx", start / 100),
        };
        let name = match *name {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        (
            format!("The target answered {status}{name}."),
            (*remedy).to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_what_to_do() {
        for (status, start) in [
            (
                302,
                "The target answered 302 (a redirect, which is not followed). Set",
            ),
            (
                403,
                "The target answered 403 (Forbidden). Check the credentials",
            ),
            (418, "The target answered 418. Compare"),
            (
                503,
                "The target answered 503 (Service Unavailable). The receiver",
            ),
            (599, "The target answered 599. See"),
        ] {
            let said = refusal(status, b"");
            assert!(said.starts_with(start), "{said}");
        }
    }

    #[test]
    fn what_servers_answer_to_plain_requests_for_tls_is_known() {
        let nginx = b"<center>The plain HTTP request was sent to HTTPS port</center>";
        let go = b"Client sent an HTTP request to an HTTPS server.\n";
        for body in [&nginx[..], &go[..]] {
            let said = refusal(400, body);
            assert!(said.contains("Begin the URL with https://"), "{said}");
        }
        let said = refusal(
            400,
            b"<center>No required SSL certificate was sent</center>",
        );
        assert!(said.contains("demands a client certificate"), "{said}");
        assert!(!refusal(500, nginx).contains("https://"));
    }
}
