//! Asking for a mail with a link to set another password.
//!
//! The answer is made before anybody is looked up, so neither it nor its time reveals who exists.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use maud::{Markup, html};
use tokio::sync::Semaphore;

use super::form::{Form, PublicForm, PublicPage, PublicResult};
use super::{layout, notice};
use crate::domain::email::{Email, EmailError, MAX_EMAIL};
use crate::http::problem::{Fault, ProblemDetails, ProblemKind};
use crate::http::session;
use crate::http::shared::ServerContext;
use crate::service;
use crate::store::sign_in::{self, Door, Tries};
use crate::store::user_link;

const TITLE: &str = "Reset your password";
/// Mails that are being made at once; anyone who asks meanwhile waits, whoever they are.
const AT_ONCE: usize = 2;

static MAKING: Semaphore = Semaphore::const_new(AT_ONCE);

/// The page to ask for another password
pub(in crate::http) async fn show((shared, request): PublicPage) -> PublicResult {
    shared.sessions.site.place(&request)?;
    if let Some(sentence) = notice::done(&request) {
        let body = html! {
            p role="status" { (sentence) }
            p { a href="/sign-in" { "Back to the sign-in" } }
        };
        return Ok(layout::page(StatusCode::OK, "Check your mail", &body));
    }
    Ok(layout::page(StatusCode::OK, TITLE, &fields("")))
}

/// Ask for a mail with a link to set another password
///
/// A form, or the same as JSON: `email`. The answer is the same whether or not there is such a
/// user.
pub(in crate::http) async fn submit((shared, request, payload): PublicForm) -> PublicResult {
    let site = &shared.sessions.site;
    let place = site.place(&request)?;
    let mut form = Form::read(&request, &place, payload, &["email"]).await?;
    let given = form.take("email");
    let known = session::known(&request, &place);
    let mut tries = Tries::new(Door::Reset, &given, &site.address(&request), known);
    match ask(&shared, &given, &mut tries).await {
        Ok(()) if form.json => Ok(layout::with_headers(HttpResponse::Accepted()).finish()),
        Ok(()) => Ok(layout::go_to("/reset?done=reset-asked").finish()),
        Err(problem) if form.json => Err(problem),
        Err(problem) => Ok(layout::refused(&problem, TITLE, &fields(&given))),
    }
}

async fn ask(
    shared: &Data<ServerContext>,
    given: &str,
    tries: &mut Tries,
) -> Result<(), ProblemDetails> {
    let fault = |error: EmailError| Fault::new("/email", error.to_string());
    let email: Result<Email, Fault> = given.parse().map_err(fault);
    let email = email.map_err(|fault| ProblemDetails::invalid(vec![fault]))?;
    let database = shared.engine.database();
    if let Some(seconds) = sign_in::count(database, tries).await? {
        return Err(ProblemDetails::too_many(seconds));
    }
    let Ok(turn) = MAKING.acquire().await else {
        return Err(ProblemDetails::new(
            ProblemKind::Unavailable,
            "Herald is stopping.",
        ));
    };
    let shared = shared.clone();
    // If it is lost in a crash, whoever waits for the mail asks again.
    actix_web::rt::spawn(async move {
        let _turn = turn;
        let write = service::with_link(shared.sessions.site.base().to_owned());
        let made = user_link::mail(shared.engine.database(), &email, &write).await;
        if let Err(error) = made {
            tracing::warn!(%error, "a mail to set a password could not be made");
        }
    });
    Ok(())
}

fn fields(email: &str) -> Markup {
    html! {
        p { "You get a mail with a link to set a new password." }
        form method="post" action="/reset" {
            div class="field" {
                label for="email" { "E-mail" }
                input id="email" type="email" name="email" required autocomplete="username"
                    maxlength=(MAX_EMAIL) value=(email);
            }
            button class="button primary" type="submit" { "Send the mail" }
        }
        p class="help" { a href="/sign-in" { "Back to the sign-in" } }
    }
}
