//! Who is signed in: the cookie, the one by which a browser is known in which somebody signed in
//! before, and the proof that a request which changes something was meant
//! by one of Herald's own pages.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::problem::{ProblemDetails, ProblemKind};
use super::site::{BrowserOrigin, Site};
use crate::domain::note_key::NoteKey;
use crate::store::Database;
use crate::store::fresh::{SecretHash, secret_hash};
use crate::store::known_browser::KNOWN_FOR;
use crate::store::session::{self, LIFETIME, Session};

/// The header that carries the proof.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// The cookie over TLS. Browsers take the prefix from this host alone, for all of its paths.
const SECURE_COOKIE: &str = "__Host-herald";
/// The cookie without TLS, where browsers refuse the prefix.
const PLAIN_COOKIE: &str = "herald_session";
/// The cookies by which a browser is known.
const SECURE_KNOWN: &str = "__Host-herald-known";
const PLAIN_KNOWN: &str = "herald_known";
/// Length of a session's text, and of that by which a browser is known.
const TOKEN_LENGTH: usize = 43;
/// Look-ups of sessions at once, so that guessing cannot take all connections.
const LOOK_UPS: usize = 4;

/// Finds sessions.
pub(super) struct Sessions {
    database: Database,
    look_ups: Semaphore,
    /// How browsers see Herald.
    pub site: Site,
}

/// A user with a session in force, who made this request.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    pub session: Arc<Session>,
    /// Its key.
    pub hash: SecretHash,
    /// What its pages keep for each other is sealed with this.
    pub notes: NoteKey,
    /// The origin that the browser uses.
    pub place: BrowserOrigin,
    /// The request carries the proof in its header; a form has it in its body.
    pub proved: bool,
}

impl SignedIn {
    /// The proof that Herald's pages put into their requests.
    #[must_use]
    pub(super) fn csrf_token(&self) -> String {
        csrf_token(self.session.csrf())
    }

    /// Whether this is the proof.
    #[must_use]
    pub(super) fn proves(&self, text: &str) -> bool {
        // Hashes are compared, so that the time shows nothing of the proof.
        let own = self.csrf_token();
        Sha256::digest(own.as_bytes()) == Sha256::digest(text.as_bytes())
    }
}

/// The text of a proof.
#[must_use]
pub(super) fn csrf_token(csrf: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(csrf)
}

impl Sessions {
    #[must_use]
    pub(super) fn new(database: Database, site: Site) -> Self {
        Self {
            database,
            look_ups: Semaphore::new(LOOK_UPS),
            site,
        }
    }

    /// Who is signed in, if anybody; for requests that change nothing.
    ///
    /// # Errors
    /// The request names another host, or the database is away.
    pub(super) async fn find(
        &self,
        request: &HttpRequest,
    ) -> Result<Option<SignedIn>, ProblemDetails> {
        let place = self.site.place(request)?;
        let Some(text) = text(request, names(&place).0) else {
            return Ok(None);
        };
        let hash = secret_hash(text);
        let _turn = self.look_ups.acquire().await;
        let Some(session) = session::find(&self.database, &hash).await? else {
            return Ok(None);
        };
        Ok(Some(SignedIn {
            session: Arc::new(session),
            hash,
            notes: NoteKey::of(text),
            place,
            proved: false,
        }))
    }

    /// Who is signed in, for a request that may change something.
    ///
    /// # Errors
    /// Nobody, a foreign host or page, a wrong proof in the header, or the database is away.
    pub(super) async fn judge(&self, request: &HttpRequest) -> Result<SignedIn, ProblemDetails> {
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        if changes {
            Site::same_origin(request, &self.site.place(request)?)?;
        }
        let Some(mut signed_in) = self.find(request).await? else {
            return Err(ProblemDetails::new(
                ProblemKind::Unauthorized,
                "Nobody is signed in.",
            ));
        };
        if changes && let Some(proof) = request.headers().get(CSRF_HEADER) {
            signed_in.proved = proof.to_str().is_ok_and(|proof| signed_in.proves(proof));
            if !signed_in.proved {
                return Err(no_proof());
            }
        }
        Ok(signed_in)
    }
}

/// A request that changes something lacks the proof, or has a wrong one.
#[must_use]
pub(super) fn no_proof() -> ProblemDetails {
    let detail = "The CSRF token is missing or wrong: send it in the header X-CSRF-Token, or load \
                  the page again.";
    ProblemDetails::new(ProblemKind::Forbidden, detail)
}

/// Whether a request comes with a cookie of Herald, in force or not.
#[must_use]
pub(super) fn has_cookie(request: &HttpRequest) -> bool {
    cookie(request, PLAIN_COOKIE).is_some() || cookie(request, SECURE_COOKIE).is_some()
}

/// The key of the session that a request brings along.
#[must_use]
pub(super) fn brought(request: &HttpRequest, place: &BrowserOrigin) -> Option<SecretHash> {
    text(request, names(place).0).map(secret_hash)
}

/// The key of the known browser that a request brings along.
#[must_use]
pub(super) fn known(request: &HttpRequest, place: &BrowserOrigin) -> Option<SecretHash> {
    text(request, names(place).1).map(secret_hash)
}

/// What a request's cookie of a name says.
fn text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let text = cookie(request, name)?;
    (text.len() == TOKEN_LENGTH).then_some(text)
}

/// The header's value that hands a session to the browser.
#[must_use]
pub(super) fn given(place: &BrowserOrigin, token: &str) -> String {
    set(place, names(place).0, token, LIFETIME.num_seconds())
}

/// The header's value that hands the browser what it is known by. It stays when the session ends.
#[must_use]
pub(super) fn given_known(place: &BrowserOrigin, token: &str) -> String {
    set(place, names(place).1, token, KNOWN_FOR.num_seconds())
}

/// The header's value that takes it back.
#[must_use]
pub(super) fn taken(place: &BrowserOrigin) -> String {
    set(place, names(place).0, "", 0)
}

fn set(place: &BrowserOrigin, name: &str, value: &str, seconds: i64) -> String {
    let secure = if place.secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The names of the cookie with the session, and of that by which the browser is known.
const fn names(place: &BrowserOrigin) -> (&'static str, &'static str) {
    if place.secure {
        (SECURE_COOKIE, SECURE_KNOWN)
    } else {
        (PLAIN_COOKIE, PLAIN_KNOWN)
    }
}

/// A cookie's value. One that is there twice counts for nothing: somebody else set one.
pub(super) fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lines = request.headers().get_all(COOKIE);
    let mut found = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Hands a signed-in user on to the handler.
pub(super) fn attach(request: &HttpRequest, signed_in: SignedIn) {
    request.extensions_mut().insert(signed_in);
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_that_stands_there_twice_counts_for_nothing() {
        let of = |lines: &[&str]| {
            let mut request = TestRequest::default();
            for line in lines {
                request = request.append_header(("cookie", *line));
            }
            let request = request.to_http_request();
            cookie(&request, "herald_session").map(str::to_owned)
        };
        assert_eq!(of(&["a=b; herald_session=x; c=d"]), Some("x".to_owned()));
        assert_eq!(of(&["a=herald_session=x"]), None);
        assert_eq!(of(&["herald_session=x; herald_session=y"]), None);
        assert_eq!(of(&["herald_session=x", "herald_session=y"]), None);
        assert_eq!(of(&[]), None);
    }
}
