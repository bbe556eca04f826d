//! What one page keeps for the next of the same session: what is shown once after a redirect, and
//! what somebody typed into a form whose session had ended. Passwords and secrets are never kept.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::form::Form;
use super::trouble::SignInFirst;
use super::visit::Visit;
use super::{PageResult, layout};
use crate::domain::note_key::NoteKey;
use crate::http::body;
use crate::store::session::NewSession;
use crate::store::{Database, StoreError, session_note};

/// The largest body that is read from somebody who is not signed in.
const MOST_BODY: usize = 16 << 10;
/// Bytes of what was typed that are kept, as JSON: as Base64 they fit into a form of `MOST_BODY`.
pub(in crate::http) const MOST_TYPED: usize = 11 << 10;
/// What is shown once.
const ONCE: &str = "once";
/// What was typed.
const TYPED: &str = "typed";

/// What somebody typed before they had to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Typed {
    /// The page with the form.
    pub page: String,
    /// As [`Typed::fields`] has it; empty: it was too long to be kept.
    pub fields: String,
}

impl Typed {
    /// The fields as one text for a hidden field.
    fn fields(form: &Form) -> String {
        let text = serde_json::to_string(&form.typed()).unwrap_or_default();
        match text.len() {
            0..=MOST_TYPED => URL_SAFE_NO_PAD.encode(text),
            _ => String::new(),
        }
    }

    /// The text of the note that they become; none if Herald did not make them.
    fn note(fields: &str) -> Option<String> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(fields).ok()?).ok()?;
        let pairs: Vec<(String, String)> = serde_json::from_str(&text).ok()?;
        (!pairs.is_empty() && text.len() <= MOST_TYPED).then_some(text)
    }
}

impl Visit {
    /// Keeps a text for a page to show once, and leads there.
    pub(super) async fn hand_over(&self, page: &str, text: &str) -> PageResult {
        self.keep(page, ONCE, text).await?;
        let sign = if page.contains('?') { '&' } else { '?' };
        Ok(layout::go_to(format!("{page}{sign}kept={ONCE}")).finish())
    }

    /// What was kept for this page to show: there once.
    pub(super) async fn handed_over(&self) -> Result<Option<String>, StoreError> {
        self.take(ONCE).await
    }

    /// What was typed into the form of this page when the session had ended.
    pub(super) async fn typed(&self) -> Result<Option<Form>, StoreError> {
        let text = self.take(TYPED).await?;
        let pairs = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(pairs.map(Form::of))
    }

    async fn keep(&self, page: &str, what: &str, text: &str) -> Result<(), StoreError> {
        let (own, key) = (&self.signed_in, key(page, what));
        session_note::keep(self.database(), &own.hash, &own.notes, &key, text).await
    }

    async fn take(&self, what: &str) -> Result<Option<String>, StoreError> {
        if self.kept.as_deref() != Some(what) {
            return Ok(None);
        }
        let (own, key) = (&self.signed_in, key(self.request.path(), what));
        session_note::take(self.database(), &own.hash, &own.notes, &key).await
    }

    /// Keeps what was typed into a form that lacks the proof, such as after a sign-in in another
    /// window. Returns the address at which the form shows it again.
    pub(super) async fn keep_typed(&self, form: &Form) -> Option<String> {
        let page = form_page(&self.request)?;
        let text = Typed::note(&Typed::fields(form))?;
        self.keep(&page, TYPED, &text).await.ok()?;
        Some(again(&page))
    }
}

/// Where a note is kept: under the page without its parameters, and what it is.
fn key(page: &str, what: &str) -> String {
    let path = page.split('?').next().unwrap_or_default();
    format!("{path}#{what}")
}

fn again(page: &str) -> String {
    format!("{page}?kept={TYPED}&done=typed")
}

/// Keeps for a new session what was typed before the sign-in. Returns where the form shows it
/// again.
///
/// # Errors
/// When the database is away.
pub(super) async fn after_sign_in(
    database: &Database,
    session: &NewSession,
    typed: &Typed,
) -> Result<Option<String>, StoreError> {
    let Some(text) = Typed::note(&typed.fields) else {
        return Ok(None);
    };
    let notes = NoteKey::of(&session.token);
    let key = key(&typed.page, TYPED);
    session_note::keep(database, &session.hash, &notes, &key, &text).await?;
    Ok(Some(again(&typed.page)))
}

/// The way to the sign-in for somebody whose session has ended, with what they typed.
pub(in crate::http) async fn sign_in_first(
    request: &HttpRequest,
    mut payload: Payload,
) -> SignInFirst {
    let first = SignInFirst::of(request);
    let Some(page) = form_page(request).filter(|_| !first.by_script) else {
        return first;
    };
    let fields = async {
        let payload = web::Payload::from_request(request, &mut payload).await;
        let body = body::read(request, payload.ok()?, MOST_BODY).await.ok()?;
        Some(Typed::fields(&Form::parsed(&body)))
    };
    let fields = fields.await.unwrap_or_default();
    first.with(Typed { page, fields })
}

/// The page with the form that sends this request.
fn form_page(request: &HttpRequest) -> Option<String> {
    let path = request.path();
    if *request.method() != Method::POST {
        return None;
    }
    match request.match_pattern()?.as_str() {
        "/webhooks/new"
        | "/webhooks/{id}/edit"
        | "/events/new"
        | "/events/types/{name}/edit"
        | "/settings/profile"
        | "/settings/users/{id}"
        | "/settings/tokens/{id}"
        | "/settings/accounts/{id}" => Some(path.to_owned()),
        "/settings/users" | "/settings/tokens" | "/settings/accounts" => {
            Some(format!("{path}/new"))
        }
        "/events/types/{name}/publish" => path.strip_suffix("/publish").map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Form {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Form::of(pairs.iter().map(own).collect())
    }

    #[test]
    fn what_was_typed_comes_back_without_secrets_and_only_up_to_a_bound() {
        let typed = form(&[
            ("csrf_token", "c"),
            ("title", "Lager & Co"),
            ("trigger", "A"),
            ("trigger", "B"),
            ("header_name_0", "x-key"),
            ("header_value_0", "s3cret"),
            ("password", "p"),
            ("present", "p"),
            ("again", "p"),
        ]);
        let text = Typed::note(&Typed::fields(&typed)).unwrap();
        let back: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
        let back: Vec<_> = back.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let expected = [
            ("title", "Lager & Co"),
            ("trigger", "A"),
            ("trigger", "B"),
            ("header_name_0", "x-key"),
        ];
        assert_eq!(back, expected);
        let fits = "x".repeat(MOST_TYPED - 20);
        let fields = Typed::fields(&form(&[("schema", &fits)]));
        assert!(!fields.is_empty() && fields.len() + 1_000 < MOST_BODY);
        let long = "x".repeat(MOST_TYPED);
        assert_eq!(Typed::fields(&form(&[("schema", &long)])), "");
        for no in ["", "x", "W10", "bnVsbA", "!"] {
            assert_eq!(Typed::note(no), None, "{no}");
        }
    }
}
