//! The pages behind single-use links: setting the first password, or another one.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};

use super::form::Form;
use super::layout;
use crate::domain::password::{self, MAX_PASSWORD, MIN_PASSWORD};
use crate::domain::user_link::LinkPurpose;
use crate::http::problem::{Fault, Kind, Problem};
use crate::http::shared::Shared;
use crate::http::site::Site;
use crate::store::fresh::{SecretHash, secret_hash};
use crate::store::user::User;
use crate::store::user_link;

const TITLE: &str = "Set your password";

/// The page behind an invitation
pub(in crate::http) async fn show_invitation(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&shared, &request, LinkPurpose::Invitation).await
}

/// The page behind a link to set another password
pub(in crate::http) async fn show_reset(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&shared, &request, LinkPurpose::Reset).await
}

/// Set the first password
///
/// Ends the link. A form with `password` and `again`, or JSON with `password`.
pub(in crate::http) async fn submit_invitation(
    shared: Data<Shared>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    submit(&shared, &request, payload, LinkPurpose::Invitation).await
}

/// Set another password
///
/// Ends the link and every session of the user. A form with `password` and `again`, or JSON with
/// `password`.
pub(in crate::http) async fn submit_reset(
    shared: Data<Shared>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    submit(&shared, &request, payload, LinkPurpose::Reset).await
}

/// Looking at the page does not use the link: mail programs look first.
async fn show(
    shared: &Shared,
    request: &HttpRequest,
    purpose: LinkPurpose,
) -> Result<HttpResponse, Problem> {
    shared.sessions.site.place(request)?;
    let database = shared.engine.database();
    match user_link::find(database, &hash(request), purpose).await? {
        Some(user) => Ok(layout::page(StatusCode::OK, TITLE, &fields(&user))),
        None => Ok(gone()),
    }
}

async fn submit(
    shared: &Shared,
    request: &HttpRequest,
    payload: Payload,
    purpose: LinkPurpose,
) -> Result<HttpResponse, Problem> {
    let place = shared.sessions.site.place(request)?;
    Site::same_origin(request, &place)?;
    let mut form = Form::read(request, payload, &["password"]).await?;
    let (given, again) = (form.take("password"), form.take("again"));
    let link = hash(request);
    let database = shared.engine.database();
    let used = || Err(Problem::new(Kind::NotFound, GONE));
    let Some(user) = user_link::find(database, &link, purpose).await? else {
        return if form.json { used() } else { Ok(gone()) };
    };
    let wrong = if !form.json && again != given {
        Some("the two are not the same".to_owned())
    } else {
        let checked = password::check(&given, &user.email);
        checked.err().map(|error| error.to_string())
    };
    if let Some(detail) = wrong {
        let told = Problem::invalid(vec![Fault::new("/password", detail.as_str())]);
        return if form.json {
            Err(told)
        } else {
            let told = Problem::new(Kind::Invalid, format!("The password {detail}."));
            Ok(layout::refused(&told, TITLE, &fields(&user)))
        };
    }
    let turn = shared.passwords.turn().await?;
    let made = shared.passwords.hash(turn, given).await?;
    let set = user_link::redeem(database, &link, purpose, &made).await?;
    match (set, form.json) {
        (Some(_), true) => Ok(layout::with_headers(HttpResponse::NoContent()).finish()),
        (Some(_), false) => Ok(layout::go_to("/sign-in?done=password-set").finish()),
        (None, true) => used(),
        (None, false) => Ok(gone()),
    }
}

fn hash(request: &HttpRequest) -> SecretHash {
    secret_hash(request.match_info().get("token").unwrap_or_default())
}

fn fields(user: &User) -> Markup {
    html! {
        form method="post" {
            p { "For " strong { (user.email) } ": at least " (MIN_PASSWORD) " characters." }
            // For who keeps the password: programs look for a field that is not of the type hidden.
            input hidden type="email" autocomplete="username" readonly value=(user.email);
            div class="field" {
                label for="password" { "Password" }
                input id="password" type="password" name="password" required
                    autocomplete="new-password" minlength=(MIN_PASSWORD) maxlength=(MAX_PASSWORD);
            }
            div class="field" {
                label for="again" { "Again" }
                input id="again" type="password" name="again" required autocomplete="new-password";
            }
            button class="button primary" type="submit" { "Set the password" }
        }
    }
}

const GONE: &str = "This link was used, is out of its time, or a newer one took its place.";

fn gone() -> HttpResponse {
    let body = html! {
        p class="notice is-error" role="alert" { (GONE) }
        p { a href="/reset" { "Ask for a new one" } " or " a href="/sign-in" { "sign in" } "." }
    };
    layout::page(StatusCode::NOT_FOUND, "This link does not work", &body)
}
