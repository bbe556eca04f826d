//! The pages behind single-use links: setting the first password, or another one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};

use super::form::{Form, PublicForm, PublicPage, PublicResult};
use super::layout;
use crate::domain::password::{self, MAX_PASSWORD, MIN_PASSWORD};
use crate::domain::user_link::LinkPurpose;
use crate::http::problem::{Fault, ProblemDetails, ProblemKind};
use crate::store::fresh::{SecretHash, secret_hash};
use crate::store::user::User;
use crate::store::user_link;

const TITLE: &str = "Set your password";

/// The page behind an invitation
pub(in crate::http) async fn show_invitation(asked: PublicPage) -> PublicResult {
    show(asked, LinkPurpose::Invitation).await
}

/// The page behind a link to set another password
pub(in crate::http) async fn show_reset(asked: PublicPage) -> PublicResult {
    show(asked, LinkPurpose::Reset).await
}

/// Set the first password
///
/// Ends the link. A form with `password` and `again`, or JSON with `password`.
pub(in crate::http) async fn submit_invitation(sent: PublicForm) -> PublicResult {
    submit(sent, LinkPurpose::Invitation).await
}

/// Set another password
///
/// Ends the link and every session of the user. A form with `password` and `again`, or JSON with
/// `password`.
pub(in crate::http) async fn submit_reset(sent: PublicForm) -> PublicResult {
    submit(sent, LinkPurpose::Reset).await
}

/// Looking at the page does not use the link: mail programs look first.
async fn show((shared, request): PublicPage, purpose: LinkPurpose) -> PublicResult {
    shared.sessions.site.place(&request)?;
    match user_link::find(shared.engine.database(), &hash(&request), purpose).await? {
        Some(user) => Ok(layout::page(StatusCode::OK, TITLE, &fields(&user))),
        None => gone(false),
    }
}

async fn submit((shared, request, payload): PublicForm, purpose: LinkPurpose) -> PublicResult {
    let place = shared.sessions.site.place(&request)?;
    let mut form = Form::read(&request, &place, payload, &["password"]).await?;
    let (given, again) = (form.take("password"), form.take("again"));
    let (database, link) = (shared.engine.database(), hash(&request));
    let Some(user) = user_link::find(database, &link, purpose).await? else {
        return gone(form.json);
    };
    let wrong = if !form.json && again != given {
        Some("is not the same in both fields".to_owned())
    } else {
        let checked = password::check(&given, &user.email);
        checked.err().map(|error| error.to_string())
    };
    if let Some(detail) = wrong {
        if form.json {
            return Err(ProblemDetails::invalid(vec![Fault::new(
                "/password",
                detail,
            )]));
        }
        let refused = ProblemDetails::new(ProblemKind::Invalid, format!("The password {detail}."));
        return Ok(layout::refused(&refused, TITLE, &fields(&user)));
    }
    let turn = shared.passwords.turn().await?;
    let made = shared.passwords.hash(turn, given).await?;
    match user_link::redeem(database, &link, purpose, &made).await? {
        Some(_) if form.json => Ok(layout::with_headers(HttpResponse::NoContent()).finish()),
        Some(_) => Ok(layout::go_to("/sign-in?done=password-set").finish()),
        None => gone(form.json),
    }
}

fn hash(request: &HttpRequest) -> SecretHash {
    secret_hash(request.match_info().get("token").unwrap_or_default())
}

fn fields(user: &User) -> Markup {
    html! {
        form method="post" {
            p { "For " strong { (user.email) } ": at least " (MIN_PASSWORD) " characters." }
            // For password managers: they look for a field that is not of the type hidden.
            input hidden type="email" autocomplete="username" readonly value=(user.email);
            div class="field" {
                label for="password" { "Password" }
                input id="password" type="password" name="password" required
                    autocomplete="new-password" minlength=(MIN_PASSWORD) maxlength=(MAX_PASSWORD);
            }
            div class="field" {
                label for="again" { "Repeat password" }
                input id="again" type="password" name="again" required autocomplete="new-password";
            }
            button class="button primary" type="submit" { "Set the password" }
        }
    }
}

fn gone(json: bool) -> PublicResult {
    let detail = "This link was used, has expired, or was replaced by a newer one.";
    if json {
        return Err(ProblemDetails::new(ProblemKind::NotFound, detail));
    }
    let body = html! {
        p class="notice is-error" role="alert" { (detail) }
        p { a href="/reset" { "Ask for a new one" } " or " a href="/sign-in" { "sign in" } "." }
    };
    let (status, title) = (StatusCode::NOT_FOUND, "This link does not work");
    Ok(layout::page(status, title, &body))
}
