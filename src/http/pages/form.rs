//! What browsers send: the fields of a form, or the same as a JSON object, which gets an answer in
//! JSON.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use crate::http::body::{self, MAX_OBJECT};
use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::shared::ServerContext;
use crate::http::site::{BrowserOrigin, Site};
use crate::service::input::texts;

/// The arguments of a page that everybody may see.
pub(in crate::http) type PublicPage = (Data<ServerContext>, HttpRequest);
/// The arguments of what takes a form that everybody may send.
pub(in crate::http) type PublicForm = (Data<ServerContext>, HttpRequest, Payload);
/// What these return.
pub(in crate::http) type PublicResult = Result<HttpResponse, ProblemDetails>;

/// Fields that are never kept.
const UNKEPT: [&str; 4] = ["csrf_token", "present", "password", "again"];

/// The fields of a form.
pub(in crate::http) struct Form {
    pairs: Vec<(String, String)>,
    /// It came as JSON.
    pub json: bool,
}

impl Form {
    /// Reads the fields of these names. Everybody may send them, so they are small.
    ///
    /// # Errors
    /// It comes from another site than that place, the body is of another kind, cannot be read, or
    /// (in JSON) has other fields.
    pub(super) async fn read(
        request: &HttpRequest,
        place: &BrowserOrigin,
        payload: Payload,
        names: &[&str],
    ) -> Result<Self, ProblemDetails> {
        Site::same_origin(request, place)?;
        let kind = request.content_type().to_ascii_lowercase();
        let json = kind == "application/json";
        if !json && kind != "application/x-www-form-urlencoded" {
            let detail = "Send a form (application/x-www-form-urlencoded) or JSON \
                          (application/json).";
            return Err(ProblemDetails::new(ProblemKind::Unsupported, detail));
        }
        // A parameter of the type other than the usual charset would change its meaning.
        let whole = request.headers().get(CONTENT_TYPE);
        if whole.is_some_and(|value| value.to_str().is_err()) {
            let detail = "Content-Type cannot be read.";
            return Err(ProblemDetails::new(ProblemKind::Unsupported, detail));
        }
        let body = body::public_form(request, payload).await?;
        let pairs = if json {
            texts(body::json(&body)?, names)?
        } else {
            url::form_urlencoded::parse(&body).into_owned().collect()
        };
        Ok(Self { pairs, json })
    }

    /// Reads every field of a form that one of the pages shows. With the proof in the header a
    /// body may be missing.
    ///
    /// # Errors
    /// The body is of another kind or cannot be read.
    pub(super) async fn submitted(
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Self, ProblemDetails> {
        let kind = request.content_type().to_ascii_lowercase();
        if !kind.is_empty() && kind != "application/x-www-form-urlencoded" {
            let detail = "Send a form (application/x-www-form-urlencoded).";
            return Err(ProblemDetails::new(ProblemKind::Unsupported, detail));
        }
        let body = body::read(request, payload, MAX_OBJECT).await?;
        Ok(Self::parsed(&body))
    }

    /// The fields of a form's body.
    #[must_use]
    pub(super) fn parsed(body: &[u8]) -> Self {
        // PostgreSQL's texts cannot hold the character 0, and nobody types it.
        let read = url::form_urlencoded::parse(body).into_owned();
        Self::of(read.filter(|(_, value)| !value.contains('\0')).collect())
    }

    /// A form with these fields.
    #[must_use]
    pub(super) const fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, json: false }
    }

    /// What may be kept of it: everything but the proof, passwords and secrets.
    #[must_use]
    pub(super) fn typed(&self) -> Vec<&(String, String)> {
        let kept = |(name, _): &&(String, String)| {
            !UNKEPT.contains(&name.as_str()) && !name.starts_with("header_value")
        };
        self.pairs.iter().filter(kept).collect()
    }

    /// Every value of a field, in their order.
    #[must_use]
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let of_name = self.pairs.iter().filter(|(key, _)| key == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }

    /// Whether a field is there, such as a box that is ticked.
    #[must_use]
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// A field's value; empty if it is not there.
    #[must_use]
    pub(super) fn take(&mut self, name: &str) -> String {
        let pair = self.pairs.iter_mut().find(|(key, _)| key == name);
        let value = pair.map(|(_, value)| std::mem::take(value));
        // PostgreSQL's texts cannot hold it, and nobody types it.
        value.filter(|it| !it.contains('\0')).unwrap_or_default()
    }
}
