//! One received request as one line, and the totals at the end.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::super::output::plain;
use crate::domain::event::parse_envelope;
use crate::http::receiver::{Received, ReceiverCounts, SignatureVerdict};

/// What is shown of one request. As JSON it is one object a line.
#[derive(Debug, Serialize)]
pub(super) struct ReceivedLine<'a> {
    at: DateTime<Utc>,
    webhook_id: Option<&'a str>,
    event_type: Option<String>,
    path: &'a str,
    bytes: usize,
    signature: SignatureVerdict,
    answer: &'a str,
}

impl<'a> ReceivedLine<'a> {
    pub(super) fn of(received: &'a Received<'_>) -> Self {
        Self {
            at: received.at,
            webhook_id: received.id,
            event_type: event_type(received.body),
            path: received.path,
            bytes: received.body.len(),
            signature: received.signature,
            answer: received.answer,
        }
    }
}

impl fmt::Display for ReceivedLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let id = plain(self.webhook_id.unwrap_or("-"));
        let event_type = plain(self.event_type.as_deref().unwrap_or("-"));
        let signature = match self.signature {
            SignatureVerdict::Ok => "ok",
            SignatureVerdict::Bad => "bad",
            SignatureVerdict::None => "none",
        };
        let (bytes, answer) = (self.bytes, self.answer);
        write!(
            f,
            "{at} {id} {event_type} {bytes} bytes, signature {signature}, answered {answer}"
        )
    }
}

/// The totals in a sentence.
pub(super) fn totals(counts: &ReceiverCounts) -> String {
    format!(
        "received {} ({} bytes): signatures {} ok, {} bad, {} none; accepted {}, failed on \
         purpose {}",
        counts.received,
        counts.bytes,
        counts.verified,
        counts.bad_signature,
        counts.unsigned,
        counts.accepted,
        counts.failed_on_purpose,
    )
}

/// The body's `event_type`, if the body is JSON that has one.
fn event_type(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct TypedEvent {
        event_type: String,
    }
    // The second reader takes all of JSON, but none that names no legal type.
    serde_json::from_slice::<TypedEvent>(body)
        .map(|named| named.event_type)
        .or_else(|_| parse_envelope(body).map(|envelope| envelope.event_type))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_in_one_line_whatever_its_body_holds() {
        let received = Received {
            at: DateTime::UNIX_EPOCH,
            path: "/hook",
            id: Some("evt_1"),
            body: br#"{"event_type":"A\n\u001b[2J"}"#,
            signature: SignatureVerdict::Ok,
            answer: "200",
        };
        assert_eq!(
            ReceivedLine::of(&received).to_string(),
            "1970-01-01T00:00:00.000Z evt_1 A\u{fffd}\u{fffd}[2J 29 bytes, signature ok, answered 200"
        );
        let other = Received {
            id: None,
            body: b"\xff",
            signature: SignatureVerdict::None,
            ..received
        };
        assert_eq!(
            ReceivedLine::of(&other).to_string(),
            "1970-01-01T00:00:00.000Z - - 1 bytes, signature none, answered 200"
        );
    }
}
