//! Oneself: name, password, sessions, and the time zone that times are written in.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};
use serde_json::json;

use super::{Input, Refused, tabs};
use crate::domain::email::Email;
use crate::domain::password::{self, MAX_PASSWORD, MIN_PASSWORD};
use crate::http::pages::frame::Nav;
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, layout, query};
use crate::http::problem::{Fault, Problem};
use crate::http::shared::Shared;
use crate::service::input::Input as _;
use crate::service::users::{self, ProfileInput};
use crate::store::profile::{self, OpenSession};
use crate::store::sign_in::{self, Door, Tries};
use crate::store::user::MAX_USER_NAME;

/// Where it stands.
pub(super) const PATH: &str = "/settings/profile";

/// The page.
pub(in crate::http) async fn show(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let typed = visit.typed(&shared, &request).await?;
    let name = match typed {
        Some(mut form) => form.take("name"),
        None => visit.signed_in.session.name.clone(),
    };
    body(&shared, &visit, &name, &Refused::default()).await
}

async fn body(shared: &Shared, visit: &Visit, name: &str, refusal: &Refused) -> PageResult {
    let session = &visit.signed_in.session;
    let database = shared.engine.database();
    let open = profile::sessions(database, session, &visit.signed_in.hash).await?;
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        section class="panel" {
            h2 { "You" }
            dl class="facts" {
                dt { "E-mail" } dd { (session.email) }
                dt { "Role" } dd {
                    @if visit.caller.operator { "Admin of the account main, and so an operator" }
                    @else if visit.is_admin() { "Admin" } @else { "Viewer" }
                }
                dt { "Times" } dd { "in the zone " (visit.reader.zone.name()) ", as your browser says; UTC on hover" }
            }
            form class="form" method="post" action=(PATH) {
                (visit.csrf())
                (Input {
                    name: "name", label: "Name", kind: "text", value: name, most: MAX_USER_NAME,
                    autocomplete: "name", help: "What others see beside your e-mail.", ..Input::default()
                }.show(refusal))
                button class="button" type="submit" { "Save the name" }
            }
        }
        (password_form(visit, refusal))
        section class="panel" {
            h2 { "Where you are signed in" }
            (sessions(visit, &open))
            div class="buttons" {
                @if open.iter().any(|one| !one.own) {
                    (visit.post(&format!("{PATH}/sessions"), "Sign out everywhere else", "button"))
                }
                (visit.post("/sign-out", "Sign out", "button"))
            }
        }
    };
    let page = visit.page(Nav::Settings, "Profile", "What concerns you alone.");
    Ok(page.status(refusal.status).show(&body))
}

fn password_form(visit: &Visit, refusal: &Refused) -> Markup {
    let length = format!("At least {MIN_PASSWORD} characters.");
    let field = |name, label, autocomplete, help| {
        Input {
            name,
            label,
            kind: "password",
            most: MAX_PASSWORD,
            autocomplete,
            help,
            required: true,
            ..Input::default()
        }
        .show(refusal)
    };
    html! {
        section class="panel" {
            h2 { "Password" }
            form class="form" method="post" action=(format!("{PATH}/password")) {
                (visit.csrf())
                // For who keeps the password: programs look for a field that is not of the type hidden.
                input hidden type="email" autocomplete="username" readonly value=(visit.signed_in.session.email);
                (field("present", "Present password", "current-password", ""))
                (field("password", "New password", "new-password", length.as_str()))
                (field("again", "New password again", "new-password", ""))
                button class="button" type="submit" { "Change the password" }
                p class="help" { "It signs you out everywhere else." }
            }
        }
    }
}

fn sessions(visit: &Visit, open: &[OpenSession]) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "Browser" } th scope="col" { "Signed in" } th scope="col" { "Last used" }
            } }
            tbody {
                @for one in open {
                    tr {
                        td data-label="Browser" {
                            span title=(one.user_agent) {
                                (browser(&one.user_agent))
                                @if one.own { " " strong { "(this one)" } }
                            }
                        }
                        td data-label="Signed in" { (visit.reader.ago(one.created_at)) }
                        td data-label="Last used" { (visit.reader.ago(one.seen_at)) }
                    }
                }
            }
        }
    }
}

/// A browser's name and system, as far as it tells them.
fn browser(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    // Others call themselves Safari or Chrome as well, so that the order counts.
    let name = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) if agent.is_empty() => "An unnamed browser".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

/// Changes the own name.
pub(in crate::http) async fn rename(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let given = form.take("name");
    let renamed = async {
        let input = ProfileInput::read(json!({ "name": given }))?;
        users::rename(&shared.directory, &visit.signed_in.session, input).await
    };
    match renamed.await {
        Ok(()) => Ok(done("profile-saved")),
        Err(why) => body(&shared, &visit, &given, &Refused::of(why)?).await,
    }
}

fn done(key: &str) -> HttpResponse {
    layout::go_to(format!("{PATH}?done={key}")).finish()
}

/// Ends the own sessions in other browsers.
pub(in crate::http) async fn end_others(
    shared: Data<Shared>,
    submission: Submission,
) -> PageResult {
    let signed_in = &submission.visit.signed_in;
    let database = shared.engine.database();
    profile::end_others(database, &signed_in.session, &signed_in.hash).await?;
    Ok(done("sessions-ended"))
}

/// Changes the own password.
pub(in crate::http) async fn set_password(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let [present, password, again] = ["present", "password", "again"].map(|field| form.take(field));
    match change(&shared, &visit, &request, (present, password, &again)).await {
        Ok(()) => Ok(done("password-changed")),
        Err(problem) => {
            let name = visit.signed_in.session.name.clone();
            body(&shared, &visit, &name, &Refused::of(problem)?).await
        }
    }
}

/// As a sign-in does, it counts the try before it looks at the present password: a session that
/// somebody left open is no way to guess it.
async fn change(
    shared: &Shared,
    visit: &Visit,
    request: &HttpRequest,
    (present, password, again): (String, String, &str),
) -> Result<(), Problem> {
    let session = &visit.signed_in.session;
    let wrong =
        |name: &str, detail: &str| Problem::invalid(vec![Fault::new(format!("/{name}"), detail)]);
    password::check(&password, &Email::stored(session.email.clone()))
        .map_err(|error| wrong("password", &error.to_string()))?;
    if again != password {
        return Err(wrong("again", "is not the same as the new password"));
    }
    let database = shared.engine.database();
    let turn = shared.passwords.turn().await?;
    let address = shared.sessions.site.address(request);
    let own = visit.signed_in.hash;
    let mut tries = Tries::signed_in(Door::SignIn, &session.email, &address, own);
    if let Some(seconds) = sign_in::count(database, &mut tries).await? {
        return Err(Problem::too_many(seconds));
    }
    let hash = profile::password(database, session).await?;
    let right = shared.passwords.verify(turn, present, hash.clone()).await?;
    let refused = || wrong("present", "is not your present password");
    let Some(hash) = hash.filter(|_| right) else {
        return Err(refused());
    };
    let turn = shared.passwords.turn().await?;
    let made = shared.passwords.hash(turn, password).await?;
    if profile::set_password(database, session, &own, (&hash, &made), &tries).await? {
        Ok(())
    } else {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_told_by_their_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser(""), "An unnamed browser");
        assert_eq!(browser("<b>thing</b>"), "<b>thing</b>");
    }
}
