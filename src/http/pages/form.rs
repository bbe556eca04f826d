//! What browsers send: the fields of a form, or the same as a JSON object, which is answered in
//! JSON.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};

use crate::http::body::{self, MAX_OBJECT};
use crate::http::problem::{Kind, Problem};
use crate::http::session::{SignedIn, no_proof};
use crate::service::input::texts;

/// The fields of a form.
pub(in crate::http) struct Form {
    pairs: Vec<(String, String)>,
    /// It came as JSON.
    pub json: bool,
}

impl Form {
    /// Reads the fields of these names. Everybody may send them, so that they are small.
    ///
    /// # Errors
    /// The body is of another kind, cannot be read, or (in JSON) has other fields.
    pub(super) async fn read(
        request: &HttpRequest,
        payload: Payload,
        names: &[&'static str],
    ) -> Result<Self, Problem> {
        let kind = request.content_type().to_ascii_lowercase();
        let json = kind == "application/json";
        if !json && kind != "application/x-www-form-urlencoded" {
            let detail = "Send a form (application/x-www-form-urlencoded) or JSON \
                          (application/json).";
            return Err(Problem::new(Kind::Unsupported, detail));
        }
        // A parameter of the type other than the usual charset would change its meaning.
        let whole = request.headers().get(CONTENT_TYPE);
        if whole.is_some_and(|value| value.to_str().is_err()) {
            return Err(Problem::new(
                Kind::Unsupported,
                "Content-Type cannot be read.",
            ));
        }
        let body = body::public_form(request, payload).await?;
        let mut pairs = Vec::new();
        if json {
            pairs = texts(body::json(&body)?, names)?;
        } else {
            let read = url::form_urlencoded::parse(&body);
            pairs.extend(read.map(|(name, value)| (name.into_owned(), value.into_owned())));
        }
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
    ) -> Result<Self, Problem> {
        let kind = request.content_type().to_ascii_lowercase();
        if !kind.is_empty() && kind != "application/x-www-form-urlencoded" {
            let detail = "Send a form (application/x-www-form-urlencoded).";
            return Err(Problem::new(Kind::Unsupported, detail));
        }
        Ok(Self::parsed(
            &body::read(request, payload, MAX_OBJECT).await?,
        ))
    }

    /// The fields of a form's body.
    #[must_use]
    pub(super) fn parsed(body: &[u8]) -> Self {
        // PostgreSQL's texts cannot hold the character 0, and nobody types it.
        let read = url::form_urlencoded::parse(body);
        Self::of(
            read.filter(|(_, value)| !value.contains('\0'))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
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
            !matches!(
                name.as_str(),
                "csrf_token" | "present" | "password" | "again"
            ) && !name.starts_with("header_value")
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

/// Reads what a signed-in user sends, with the proof in the header or in the field `csrf_token`.
///
/// # Errors
/// Nobody is signed in, or the proof is missing or wrong.
pub(super) async fn of_signed_in(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(SignedIn, bool), Problem> {
    let signed_in = request.extensions().get::<SignedIn>().cloned();
    let Some(signed_in) = signed_in else {
        return Err(Problem::new(Kind::Unauthorized, "Nobody is signed in."));
    };
    if signed_in.proved {
        return Ok((signed_in, true));
    }
    let mut form = Form::read(request, payload, &["csrf_token"]).await?;
    if signed_in.proves(&form.take("csrf_token")) {
        Ok((signed_in, form.json))
    } else {
        Err(no_proof())
    }
}
