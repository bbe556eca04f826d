//! The command line's way to a running Herald: JSON requests to its API, and its problem
//! documents turned into plain text.
//!
//! It knows how the API is spoken, not what the commands are.

use std::fmt;
use std::time::Duration;

use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::tls::tls_settings;

pub use awc::http::Method;

/// One request as a whole. A batch waits for its commit, so this is longer than a person would.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// The most characters of an answer that are shown when it is no JSON.
const MAX_SHOWN: usize = 200;

/// Talks to one Herald with one token. Belongs to the thread that made it, as awc's client does.
pub struct ApiClient {
    client: awc::Client,
    base: Url,
    token: String,
    account: Option<String>,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A field of a request that the API found fault with (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFault {
    /// A JSON pointer into the request, or the name of a parameter.
    #[serde(default)]
    pub pointer: String,
    /// What is wrong with it.
    #[serde(default)]
    pub detail: String,
}

/// What the API said about a refused request (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Problem {
    /// The kind of problem, in a few words.
    #[serde(default)]
    pub title: String,
    /// This occurrence, in a sentence.
    #[serde(default)]
    pub detail: String,
    /// The fields at fault.
    #[serde(default)]
    pub errors: Vec<FieldFault>,
    /// Every line of a batch of which nothing was committed.
    #[serde(default)]
    pub rejected: Vec<RejectedLine>,
}

/// A line of a batch that was not committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub detail: String,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.title.is_empty(), self.detail.is_empty()) {
            (true, _) => f.write_str(&self.detail)?,
            (false, true) => f.write_str(&self.title)?,
            (false, false) if self.title == self.detail => f.write_str(&self.detail)?,
            (false, false) => write!(f, "{}: {}", self.title, self.detail)?,
        }
        for fault in &self.errors {
            write!(f, "\n  {}: {}", fault.pointer, fault.detail)?;
        }
        Ok(())
    }
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The base URL is no address of an HTTP server.
    #[error("`{url}` is not the address of a Herald: use http://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
    },
    /// The token or the account's name has characters that no header can carry.
    #[error("{0} has characters that cannot be sent")]
    Unsendable(&'static str),
    /// This machine cannot speak TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Nobody answered there.
    #[error("Herald cannot be reached at {base} ({reason}): is `herald serve` running?")]
    Unreachable {
        /// The address that was tried.
        base: Url,
        /// What the network said.
        reason: String,
    },
    /// The connection broke, or the answer took too long: the request may have been carried out.
    #[error("no whole answer came from {base} ({reason}): the request may have been carried out")]
    Broken {
        /// The address that was asked.
        base: Url,
        /// What the network said.
        reason: String,
    },
    /// Herald refused the request.
    #[error("Herald answered {status}: {problem}")]
    Refused {
        /// The answer's status code.
        status: u16,
        /// What Herald said.
        problem: Problem,
        /// The seconds after which it may be tried again, if Herald said so.
        retry_after: Option<u32>,
    },
    /// Something answered that does not speak Herald's language.
    #[error("the answer from {base} is not one of Herald's: {shown}")]
    Nonsense {
        /// The address that was asked.
        base: Url,
        /// The beginning of the answer.
        shown: String,
        /// Why it cannot be read.
        #[source]
        source: serde_json::Error,
    },
}

/// The body of a request.
enum RequestBody {
    None,
    Sent { kind: &'static str, bytes: Bytes },
}

impl ApiClient {
    /// Prepares a client; connects to nothing yet. `account` is for operator-wide tokens: the
    /// id or the name of the account to work in.
    ///
    /// # Errors
    /// When the base URL or the token cannot be used.
    pub fn new(base: &str, token: &str, account: Option<&str>) -> Result<Self, ApiError> {
        let unfit = || ApiError::Address {
            url: base.to_owned(),
        };
        let parsed = Url::parse(base).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
        });
        let parsed = parsed.ok_or_else(unfit)?;
        let sendable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !sendable(token) {
            return Err(ApiError::Unsendable("the token"));
        }
        if !account.is_none_or(sendable) {
            return Err(ApiError::Unsendable("the account"));
        }
        let client = awc::Client::builder().timeout(TIMEOUT).disable_redirects();
        let client = if parsed.scheme() == "https" {
            let settings = tls_settings().map_err(ApiError::Tls)?;
            client
                .connector(awc::Connector::new().rustls_0_23(settings))
                .finish()
        } else {
            client.finish()
        };
        Ok(Self {
            client,
            base: parsed,
            token: token.to_owned(),
            account: account.map(str::to_owned),
        })
    }

    /// Asks for `path` with the query's pairs.
    ///
    /// # Errors
    /// When it is refused or no answer comes.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ApiError> {
        self.send(Method::GET, path, query, &[], RequestBody::None)
            .await
    }

    /// Sends `method` to `path` without a body.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, ApiError> {
        self.send(method, path, &[], &[], RequestBody::None).await
    }

    /// Sends `method` to `path` with a JSON body.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub async fn call_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        // Only maps whose keys are no texts cannot be written, and no command has such.
        let bytes = serde_json::to_vec(body).unwrap_or_default().into();
        let body = RequestBody::Sent {
            kind: "application/json",
            bytes,
        };
        self.send(method, path, &[], &[], body).await
    }

    /// Publishes bytes as they are: one event (`application/json`) or a batch
    /// (`application/x-ndjson`), with an idempotency key if one is given.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub async fn publish<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: &'static str,
        bytes: Bytes,
        key: Option<&str>,
    ) -> Result<T, ApiError> {
        let key = key.map(|key| ("idempotency-key", key));
        self.send(
            Method::POST,
            path,
            &[],
            key.as_slice(),
            RequestBody::Sent { kind, bytes },
        )
        .await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        headers: &[(&'static str, &str)],
        body: RequestBody,
    ) -> Result<T, ApiError> {
        let url = self.address(path, query);
        let mut request = self
            .client
            .request(method, url.as_str())
            .insert_header((ACCEPT, "application/json, application/problem+json"))
            .insert_header((AUTHORIZATION, format!("Bearer {}", self.token)));
        if let Some(account) = &self.account {
            request = request.insert_header(("herald-account", account.as_str()));
        }
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let sent = match body {
            RequestBody::None => request.send(),
            RequestBody::Sent { kind, bytes } => {
                request.insert_header((CONTENT_TYPE, kind)).send_body(bytes)
            }
        };
        let mut response = sent.await.map_err(|error| self.not_sent(&error))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let answer = response
            .body()
            .limit(MAX_ANSWER)
            .await
            .map_err(|error| ApiError::Broken {
                base: self.base.clone(),
                reason: error.to_string(),
            })?;
        if status.is_success() {
            // 204 has no body, yet its caller may still want a unit or an empty value.
            let text: &[u8] = if answer.is_empty() { b"null" } else { &answer };
            serde_json::from_slice(text).map_err(|source| ApiError::Nonsense {
                base: self.base.clone(),
                shown: beginning(&answer),
                source,
            })
        } else {
            let problem = problem_of(status, &answer);
            Err(ApiError::Refused {
                status: status.as_u16(),
                problem,
                retry_after,
            })
        }
    }

    fn address(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        let folder = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{folder}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn not_sent(&self, error: &SendRequestError) -> ApiError {
        let (base, reason) = (self.base.clone(), error.to_string());
        match error {
            SendRequestError::Url(_) | SendRequestError::Connect(_) => {
                ApiError::Unreachable { base, reason }
            }
            _ => ApiError::Broken { base, reason },
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn problem_of(status: StatusCode, answer: &[u8]) -> Problem {
    let problem = serde_json::from_slice::<Problem>(answer).unwrap_or_default();
    if problem.title.is_empty() && problem.detail.is_empty() {
        let title = status.canonical_reason().unwrap_or("refused").to_owned();
        return Problem {
            title,
            detail: beginning(answer),
            ..problem
        };
    }
    problem
}

/// The beginning of an answer, fit for a terminal.
fn beginning(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer.get(..4 * MAX_SHOWN).unwrap_or(answer));
    let shown: String = text.trim().chars().take(MAX_SHOWN).collect();
    shown
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_becomes_plain_words() {
        let answer = br#"{"type":"about:blank","title":"Bad request","status":400,
            "detail":"2 fields are wrong","errors":[{"pointer":"/url","detail":"10.0.0.1 is private"},
            {"pointer":"/title","detail":"is empty"}]}"#;
        let error = ApiError::Refused {
            status: 400,
            problem: problem_of(StatusCode::BAD_REQUEST, answer),
            retry_after: None,
        };
        assert_eq!(
            error.to_string(),
            "Herald answered 400: Bad request: 2 fields are wrong\n  \
             /url: 10.0.0.1 is private\n  /title: is empty"
        );
    }

    #[test]
    fn an_answer_of_something_else_is_shown_without_control_characters() {
        let problem = problem_of(StatusCode::BAD_GATEWAY, b"<h1>\x1b[31mno\x07</h1>");
        assert_eq!(problem.to_string(), "Bad Gateway: <h1> [31mno </h1>");
        assert_eq!(
            problem_of(StatusCode::NOT_FOUND, b"").to_string(),
            "Not Found"
        );
    }

    #[test]
    fn only_addresses_of_http_servers_are_taken() {
        for url in [
            "",
            "localhost:8080",
            "ftp://host",
            "http://",
            "http://h/?a=b",
        ] {
            assert!(ApiClient::new(url, "hrld_x", None).is_err(), "{url}");
        }
        assert!(ApiClient::new("http://h", "a\nb", None).is_err());
        assert!(ApiClient::new("http://h", "a", Some("ma in")).is_err());
    }

    #[actix_rt::test]
    async fn a_folder_in_the_base_stays() {
        let client = ApiClient::new("https://h.example/herald/", "t", None).unwrap();
        let url = client.address("/v1/events", &[("limit", "5".to_owned())]);
        assert_eq!(url.as_str(), "https://h.example/herald/v1/events?limit=5");
    }

    #[actix_rt::test]
    async fn a_herald_that_does_not_run_is_told_as_such() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let client = ApiClient::new(&format!("http://{free}"), "t", None).unwrap();
        let error = client
            .get::<serde_json::Value>("/v1/audit", &[])
            .await
            .unwrap_err();
        assert!(matches!(error, ApiError::Unreachable { .. }), "{error}");
    }
}
