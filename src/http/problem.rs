//! Every error of the API as one document: RFC 9457 problem details. It says what a caller can fix;
//! what only the operator can fix is an "internal" error, and in the log.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::connections;
use crate::domain::id::RequestId;
pub(super) use crate::service::Fault;
use crate::service::{Reason, Refusal, RefusedLine, request};

/// Seconds after which a caller may try again when Herald cannot answer now.
const RETRY_AFTER: &str = "1";

/// Declares the kinds of problems with their statuses, the names that stay the same, and what the
/// reference says about each: when it comes, and what to do.
macro_rules! kinds {
    ($(
        $(#[doc = $doc:literal])+
        $kind:ident = $status:ident $name:literal, $title:literal, $remedy:literal;
    )+) => {
        /// What went wrong; the text is the same for every such error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum ProblemKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl ProblemKind {
            const ALL: &'static [Self] = &[$(Self::$kind,)+];

            const fn status(self) -> StatusCode {
                match self {
                    $(Self::$kind => StatusCode::$status,)+
                }
            }

            const fn names(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$kind => (concat!("urn:herald:problem:", $name), $title),)+
                }
            }

            #[cfg(test)]
            const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$kind => $remedy,)+
                }
            }
        }
    };
}

kinds! {
    /// The request cannot be read.
    Malformed = BAD_REQUEST "malformed", "The request cannot be read",
        "It is no HTTP/1.1, its JSON is broken (`detail` has the line and the column), a query \
         parameter is unknown or wrong, or an operator-wide token named no account. Correct the \
         request.";
    /// No token, or one that is not in force.
    Unauthorized = UNAUTHORIZED "unauthorized", "A token or a session is needed",
        "Send `Authorization: Bearer` with a token that is in force.";
    /// E-mail or password are wrong.
    SignInRefused = UNAUTHORIZED "sign-in-refused", "The sign-in was refused",
        "Check the e-mail and the password. Nothing says which of the two is wrong.";
    /// The caller's role may not do this, or it is not clear that the caller wants it.
    Forbidden = FORBIDDEN "forbidden", "Not permitted",
        "Use a token or a user whose role can do this. With a session, send `X-CSRF-Token`, and \
         send the request from Herald's own pages.";
    /// Nothing of the caller's account is there.
    NotFound = NOT_FOUND "not-found", "Not found",
        "Check the path and the id. A thing of another account counts as not there.";
    /// The path is there, but not for this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed",
        "The method is not allowed here",
        "Use a method that the header `Allow` lists.";
    /// The request did not come in time.
    Timeout = REQUEST_TIMEOUT "timeout", "The request did not come in time",
        "The head or the body came too slowly. Send the request again, over a faster connection \
         or with a smaller body.";
    /// It cannot be done in the present state.
    Conflict = CONFLICT "conflict", "Not possible in the present state",
        "`detail` says what is in the way: the name is taken, the account has as many as it may, \
         a daemon of an older version is still running, or the state does not allow it.";
    /// The head is too large.
    LargeHead = REQUEST_HEADER_FIELDS_TOO_LARGE "large-head",
        "The head of the request is too large",
        "The head may have 128 KiB and 96 headers. Send fewer or shorter headers; cookies are the \
         usual cause.";
    /// The body is too large.
    TooLarge = PAYLOAD_TOO_LARGE "too-large", "The body is too large",
        "`detail` names the limit. Send less, or split a batch.";
    /// The body is encoded in a way that Herald does not read.
    Unsupported = UNSUPPORTED_MEDIA_TYPE "unsupported", "The body's encoding is unknown",
        "Send the body without compression. A form of the pages has its own media type.";
    /// The request can be read, but its values are wrong.
    Invalid = UNPROCESSABLE_ENTITY "invalid", "Some values are wrong",
        "`errors` lists all wrong values at once, each with its place. Of a batch without a good \
         line, `rejected` lists the lines. An idempotency key that was used with another body, and \
         a time in a query outside the years 1970 to 9999, are wrong values, too.";
    /// Too many requests with this token; a later one is taken.
    OverTheLimit = TOO_MANY_REQUESTS "rate-limited",
        "Too many requests with this token",
        "Wait as long as `Retry-After` says, or have the rate limit of the token raised.";
    /// Too many tries; a later one may succeed.
    TooMany = TOO_MANY_REQUESTS "too-many", "Too many tries",
        "Too many sign-ins failed, or too many mails to set a password were asked for. Wait as \
         long as `Retry-After` says.";
    /// Too many connections or requests under way from this address.
    Crowded = TOO_MANY_REQUESTS "too-many-connections", "Too many connections",
        "The address has as many connections as it may. Close some, or have \
         `max_connections_per_address` raised.";
    /// As much of it is under way as the caller may have; one that ends makes room.
    Enough = TOO_MANY_REQUESTS "enough", "Too many of these at one time",
        "As many dry runs or live pages are under way as the account or the user may have. Try \
         again when one has ended.";
    /// The account has used all that it may use today.
    UsedUp = TOO_MANY_REQUESTS "used-up", "The account has used up its share",
        "The account has used all its idempotency keys of today. Known keys still work; \
         `Retry-After` says when the next day begins.";
    /// The event goes in a circle.
    Loop = LOOP_DETECTED "loop", "The event goes in a circle",
        "Find the receiver that publishes what it gets, and have it publish another event type or \
         none.";
    /// The request is for another host.
    Misdirected = MISDIRECTED_REQUEST "misdirected",
        "Herald does not answer for this host",
        "Name the host in `allowed_hosts` or `public_url`, or use the IP address.";
    /// Something that the operator must look at.
    Internal = INTERNAL_SERVER_ERROR "internal",
        "Something went wrong inside Herald",
        "The operator finds the cause in Herald's log, by the request id in `instance`.";
    /// The database is away or Herald is stopping.
    Unavailable = SERVICE_UNAVAILABLE "unavailable", "Not available right now",
        "`detail` says why: the database is away or its disk is full, Herald is stopping, there \
         is no room for the body, a read took too long, or too many connections are open. Try \
         again after `Retry-After`, with the same `Idempotency-Key`.";
}

/// A kind of problem, for the reference.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProblemRow {
    /// The HTTP status.
    pub status: u16,
    /// The last part of its URN.
    pub name: &'static str,
    /// What it is, always the same.
    pub title: &'static str,
    /// When it comes, and what to do.
    pub remedy: &'static str,
}

/// Every kind of problem, by status.
#[cfg(test)]
pub(crate) fn rows() -> Vec<ProblemRow> {
    let row = |kind: &ProblemKind| {
        let (urn, title) = kind.names();
        ProblemRow {
            status: kind.status().as_u16(),
            name: urn.rsplit(':').next().unwrap_or(urn),
            title,
            remedy: kind.remedy(),
        }
    };
    let mut rows: Vec<ProblemRow> = ProblemKind::ALL.iter().map(row).collect();
    rows.sort_by_key(|row| row.status);
    rows
}

/// A problem of that status, for the API's document.
#[must_use]
pub(super) fn example(status: u16) -> Value {
    let mut kinds = ProblemKind::ALL.iter();
    let kind = kinds.find(|it| it.status().as_u16() == status);
    let (urn, title) = kind.unwrap_or(&ProblemKind::Internal).names();
    json!({ "type": urn, "title": title, "status": status, "detail": "What happened this time." })
}

/// An error as the caller gets it.
#[derive(Debug, Clone)]
pub(super) struct ProblemDetails {
    kind: ProblemKind,
    detail: Box<str>,
    errors: Vec<Fault>,
    rejected: Box<[RefusedLine]>,
    allow: Option<Box<str>>,
    retry_after: Option<i64>,
}

/// The document. Its media type is `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// A URN that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:herald:problem:invalid")]
    kind: &'a str,
    /// The kind as text, always the same.
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened this time.
    detail: &'a str,
    /// This answer: the id of the header `request-id` behind `urn:herald:request:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "urn:herald:request:req_01h455vb4pex5vsknk084sn02q")]
    instance: Option<String>,
    /// The fields at fault, all of them at once.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
    /// Every line of a batch of which nothing was committed.
    #[serde(skip_serializing_if = "<[RefusedLine]>::is_empty")]
    rejected: &'a [RefusedLine],
}

impl ProblemDetails {
    /// A problem with what happened this time, in a sentence for people.
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into().into(),
            errors: Vec::new(),
            rejected: Box::default(),
            allow: None,
            retry_after: None,
        }
    }

    /// Wrong values, each with what is wrong.
    #[must_use]
    pub(super) fn invalid(errors: Vec<Fault>) -> Self {
        Self::faulty(ProblemKind::Invalid, errors)
    }

    /// A query that cannot be taken, each parameter with what is wrong.
    #[must_use]
    pub(super) fn query(errors: Vec<Fault>) -> Self {
        Self::faulty(ProblemKind::Malformed, errors)
    }

    fn faulty(kind: ProblemKind, errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} values are wrong", several.len()),
        };
        Self::new(kind, detail).with(errors)
    }

    /// A batch of which nothing was committed, with every line.
    #[must_use]
    pub(super) fn no_line(rejected: Vec<RefusedLine>) -> Self {
        let text = |one: &RefusedLine| format!(" Line {}: {}", one.line, one.detail);
        let first = rejected.first().map(text).unwrap_or_default();
        let detail = match rejected.len() {
            1 => format!("The only line was rejected.{first}"),
            number => format!("All {number} lines were rejected.{first}"),
        };
        Self {
            rejected: rejected.into(),
            ..Self::new(ProblemKind::Invalid, detail)
        }
    }

    /// Nothing of that kind and id in the caller's account.
    pub(super) fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what} in this account.");
        Self::new(ProblemKind::NotFound, detail)
    }

    /// A method that the path does not have, with those that it has.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("This path answers to {allow}.");
        Self {
            allow: Some(allow.into()),
            ..Self::new(ProblemKind::MethodNotAllowed, detail)
        }
    }

    /// Too many tries; another is worth it after so many seconds.
    pub(super) fn too_many(seconds: i64) -> Self {
        let minutes = (seconds + 59) / 60;
        let detail = format!("Too many tries: wait {minutes} min.");
        Self {
            retry_after: Some(seconds),
            ..Self::new(ProblemKind::TooMany, detail)
        }
    }

    /// What happened, the answer's status and its waiting time, for a page.
    pub(super) fn for_page(&self) -> (&str, StatusCode, Option<i64>) {
        (&self.detail, self.kind.status(), self.retry_after)
    }

    /// What kind it is.
    #[must_use]
    pub(super) const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The kind as text, always the same.
    #[must_use]
    pub(super) const fn title(&self) -> &'static str {
        self.kind.names().1
    }

    /// The fields at fault.
    #[must_use]
    pub(super) fn faults(&self) -> &[Fault] {
        &self.errors
    }

    /// The same, to be tried again when another one may be.
    #[must_use]
    pub(super) const fn waiting_as(mut self, other: &Self) -> Self {
        self.retry_after = other.retry_after;
        self
    }

    /// The same with faults.
    #[must_use]
    pub(super) fn with(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// The document; `id`: of the request.
    fn document(&self, id: Option<RequestId>) -> Vec<u8> {
        let (kind, title) = self.kind.names();
        let document = ProblemDocument {
            kind,
            title,
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            instance: id.map(|id| format!("urn:herald:request:{id}")),
            errors: &self.errors,
            rejected: &self.rejected,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// The bytes of a whole answer, for a connection of which no request was read.
    pub(super) fn raw(&self, id: RequestId) -> Vec<u8> {
        let (status, body) = (self.kind.status(), self.document(Some(id)));
        let retry = self.retry_after;
        let retry = retry.map_or_else(String::new, |it| format!("retry-after: {it}\r\n"));
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{retry}request-id: \
             {id}\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: \
             close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    /// Whether it is Herald's own trouble, and nothing that the caller could fix.
    #[must_use]
    pub(super) const fn is_own(&self) -> bool {
        matches!(self.kind, ProblemKind::Unavailable | ProblemKind::Internal)
    }
}

impl From<connections::ConnectionRefusal> for ProblemDetails {
    fn from(why: connections::ConnectionRefusal) -> Self {
        let kind = match why {
            connections::ConnectionRefusal::Address => ProblemKind::Crowded,
            connections::ConnectionRefusal::All => ProblemKind::Unavailable,
        };
        Self {
            retry_after: Some(1),
            ..Self::new(kind, why.detail())
        }
    }
}

impl<T> From<T> for ProblemDetails
where
    Refusal: From<T>,
{
    fn from(why: T) -> Self {
        let why = Refusal::from(why);
        Self {
            retry_after: why.retry_after,
            ..Self::new(why.reason.into(), why.detail).with(why.faults)
        }
    }
}

impl From<Reason> for ProblemKind {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Malformed => Self::Malformed,
            Reason::Unauthorized => Self::Unauthorized,
            Reason::Forbidden => Self::Forbidden,
            Reason::NotFound => Self::NotFound,
            Reason::Conflict => Self::Conflict,
            Reason::TooLarge => Self::TooLarge,
            Reason::Invalid => Self::Invalid,
            Reason::RateLimited => Self::OverTheLimit,
            Reason::Enough => Self::Enough,
            Reason::UsedUp => Self::UsedUp,
            Reason::Loop => Self::Loop,
            Reason::Internal => Self::Internal,
            Reason::Unavailable => Self::Unavailable,
        }
    }
}

impl std::fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for ProblemDetails {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.kind.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        match self.kind {
            ProblemKind::Unavailable | ProblemKind::Enough => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
            }
            ProblemKind::Unauthorized | ProblemKind::SignInRefused => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"herald\""));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            response.insert_header((header::ALLOW, allow));
        }
        response.body(self.document(request::id()))
    }
}
