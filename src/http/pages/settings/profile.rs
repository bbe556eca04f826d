//! One's own profile: name, password, sessions, and the time zone that times are written in.

use serde_json::json;

use super::{FormField, Refused, done, simple_form, tabs, written};
use crate::domain::email::Email;
use crate::domain::password::{self, MAX_PASSWORD, MIN_PASSWORD};
use crate::http::pages::prelude::*;
use crate::http::problem::Fault;
use crate::service::users::{self, ProfileInput};
use crate::store::profile::{self, OpenSession};
use crate::store::sign_in::{self, Door, Tries};
use crate::store::user::MAX_USER_NAME;

/// Its address.
pub(super) const PATH: &str = "/settings/profile";

/// The page.
pub(in crate::http) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let held = [("name", visit.signed_in.session.name.as_str())];
    let [name] = written(&visit, held).await?;
    body(&visit, &name, &Refused::default()).await
}

async fn body(visit: &Visit, name: &str, refusal: &Refused) -> PageResult {
    let session = &visit.signed_in.session;
    let open = profile::sessions(visit.database(), session, &visit.signed_in.hash).await?;
    let name = html! {
        (FormField {
            name: "name", label: "Name", value: name, most: MAX_USER_NAME, autocomplete: Some("name"),
            help: "What others see beside your e-mail.", ..FormField::default()
        }.show(refusal))
    };
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
                dt { "Times" } dd { "in the zone " (visit.reader.zone.name()) " of your browser; UTC on hover" }
            }
            (simple_form(visit, PATH, ("button", "Save the name"), &name))
        }
        (password_form(visit, refusal))
        section class="panel" {
            h2 { "Your sessions" }
            (sessions(visit, &open))
            div class="buttons" {
                @if open.iter().any(|one| !one.own) {
                    (visit.post(&format!("{PATH}/sessions"), "Sign out everywhere else", "button"))
                }
                (visit.post("/sign-out", "Sign out", "button"))
            }
        }
    };
    let page = visit.page(Nav::Settings, "Profile", "Your account.");
    Ok(page.status(refusal.status).show(&body))
}

fn password_form(visit: &Visit, refusal: &Refused) -> Markup {
    let length = format!("At least {MIN_PASSWORD} characters.");
    let field = |name, label, autocomplete, help| {
        html! {
            (FormField {
                name, label, autocomplete: Some(autocomplete), help, kind: Some("password"),
                most: MAX_PASSWORD, required: true, ..FormField::default()
            }.show(refusal))
        }
    };
    html! {
        section class="panel" {
            h2 { "Password" }
            form class="form" method="post" action=(format!("{PATH}/password")) {
                (visit.csrf())
                // For password managers: they look for a field that is not of the type hidden.
                input hidden type="email" autocomplete="username" readonly value=(visit.signed_in.session.email);
                (field("present", "Current password", "current-password", ""))
                (field("password", "New password", "new-password", length.as_str()))
                (field("again", "Repeat new password", "new-password", ""))
                button class="button" type="submit" { "Change the password" }
                p class="help" { "It signs you out everywhere else." }
            }
        }
    }
}

fn sessions(visit: &Visit, open: &[OpenSession]) -> Markup {
    let cells = |one: &OpenSession| {
        let browser = html! {
            span title=(one.user_agent) {
                (browser(&one.user_agent))
                @if one.own { " " strong { "(this one)" } }
            }
        };
        let [signed_in, used] = [one.created_at, one.seen_at].map(|at| visit.reader.ago(at));
        [browser, signed_in, used]
    };
    let heads = ["Browser", "Signed in", "Last used"];
    ui::table(heads, open.iter().map(cells))
}

/// A browser's name and system, as far as it names them.
fn browser(agent: &str) -> String {
    let first = |marks: [&str; 6], names: [&'static str; 6]| {
        let mut known = marks.into_iter().zip(names);
        known.find_map(|(mark, name)| agent.contains(mark).then_some(name))
    };
    // Others call themselves Safari or Chrome as well, so the order counts.
    let marks = ["Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/", "curl/"];
    let names = ["Edge", "Opera", "Firefox", "Chrome", "Safari", "curl"];
    let name = first(marks, names);
    let marks = ["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"];
    let names = ["Android", "iPhone", "iPad", "Windows", "macOS", "Linux"];
    let system = first(marks, names);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) if agent.is_empty() => "An unnamed browser".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

/// Changes the own name.
pub(in crate::http) async fn rename(Submission(visit, mut form): Submission) -> PageResult {
    let given = form.take("name");
    let renamed = async {
        let input = ProfileInput::read(json!({ "name": given }))?;
        users::rename(&visit.shared.directory, &visit.signed_in.session, input).await
    };
    match renamed.await {
        Ok(()) => done(PATH, "profile-saved"),
        Err(why) => body(&visit, &given, &Refused::of(why)?).await,
    }
}

/// Ends the own sessions in other browsers.
pub(in crate::http) async fn end_others(Submission(visit, _): Submission) -> PageResult {
    let own = &visit.signed_in;
    profile::end_others(visit.database(), &own.session, &own.hash).await?;
    done(PATH, "sessions-ended")
}

/// Changes the own password.
pub(in crate::http) async fn set_password(Submission(visit, mut form): Submission) -> PageResult {
    let given = ["present", "password", "again"].map(|field| form.take(field));
    match change(&visit, given).await {
        Ok(()) => done(PATH, "password-changed"),
        Err(problem) => {
            let name = &visit.signed_in.session.name;
            body(&visit, name, &Refused::of(problem)?).await
        }
    }
}

/// As a sign-in does, it counts the try before it looks at the current password: a session that
/// somebody left open is no way to guess it.
async fn change(
    visit: &Visit,
    [present, password, again]: [String; 3],
) -> Result<(), ProblemDetails> {
    let (shared, database) = (&visit.shared, visit.database());
    let (session, own) = (&visit.signed_in.session, visit.signed_in.hash);
    let wrong = |name: &str, detail: &str| {
        ProblemDetails::invalid(vec![Fault::new(format!("/{name}"), detail)])
    };
    password::check(&password, &Email::stored(session.email.clone()))
        .map_err(|error| wrong("password", &error.to_string()))?;
    if again != password {
        return Err(wrong("again", "is not the same as the new password"));
    }
    let turn = shared.passwords.turn().await?;
    let address = shared.sessions.site.address(&visit.request);
    let mut tries = Tries::signed_in(Door::SignIn, &session.email, &address, own);
    if let Some(seconds) = sign_in::count(database, &mut tries).await? {
        return Err(ProblemDetails::too_many(seconds));
    }
    let hash = profile::password(database, session).await?;
    let right = shared.passwords.verify(turn, present, hash.clone()).await?;
    if let Some(hash) = hash.filter(|_| right) {
        let turn = shared.passwords.turn().await?;
        let made = shared.passwords.hash(turn, password).await?;
        if profile::set_password(database, session, &own, (&hash, &made), &tries).await? {
            return Ok(());
        }
    }
    Err(wrong("present", "is not your current password"))
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
