//! Signing in and out.
//!
//! A sign-in reveals nothing about who exists: every refusal is the same and takes as long, and
//! tries are counted before anybody is looked up.

use actix_web::http::StatusCode;
use actix_web::http::header::{SET_COOKIE, USER_AGENT};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use maud::{Markup, html};
use serde::Serialize;

use super::form::{Form, PublicForm, PublicPage, PublicResult};
use super::kept::{self, Typed};
use super::{layout, notice};
use crate::domain::email::{Email, MAX_EMAIL};
use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::http::problem::{Fault, ProblemDetails, ProblemKind};
use crate::http::query::Query;
use crate::http::session::{self, SignedIn};
use crate::http::shared::ServerContext;
use crate::http::site::BrowserOrigin;
use crate::store::session::{self as stored, NewSession};
use crate::store::sign_in::{self, Door, Tries};
use crate::store::user::{self, User};

const TITLE: &str = "Sign in";

/// Who signed in.
#[derive(Serialize)]
pub(in crate::http) struct SignedInView {
    /// The user's id.
    id: UserId,
    /// The user's account.
    account_id: AccountId,
    /// The e-mail.
    email: String,
    /// `viewer` or `admin`.
    role: UserRole,
    /// What requests that change something must carry in `X-CSRF-Token`, beside the cookie.
    csrf_token: String,
}

/// The page to sign in
pub(in crate::http) async fn show((shared, request): PublicPage) -> PublicResult {
    let next = Query::parse(request.query_string()).text("next");
    let next = next.as_deref().map_or("/", own_path);
    if shared.sessions.find(&request).await?.is_some() {
        return Ok(layout::go_to(next).finish());
    }
    let body = html! {
        @if let Some(sentence) = notice::done(&request) {
            p class="notice" role="status" { (sentence) }
        }
        (form_for("", "", next, ""))
    };
    Ok(layout::page(StatusCode::OK, TITLE, &body))
}

/// The page for somebody whose session ended while they filled in a form.
pub(super) fn again(typed: &Typed) -> HttpResponse {
    let sentence = match typed.fields.as_str() {
        "" => {
            "Your session has ended, and what you typed is too long to be kept here. Nothing was \
             saved. Go back in your browser and copy it before you sign in."
        }
        _ => {
            "Your session has ended. Sign in, and the form comes back with what you typed, except \
             for passwords and header values. Nothing was saved yet."
        }
    };
    let problem = ProblemDetails::new(ProblemKind::Unauthorized, sentence);
    let form = form_for("", "", &typed.page, &typed.fields);
    layout::refused(&problem, TITLE, &form)
}

/// The path if it is one of Herald's own: whoever made the link must not choose where somebody
/// who trusts this page goes.
fn own_path(text: &str) -> &str {
    let own = text.starts_with('/') && !text.starts_with("//");
    let plain = text.bytes().all(|it| it.is_ascii_graphic() && it != b'\\');
    if own && plain { text } else { "/" }
}

fn form_for(email: &str, account: &str, next: &str, typed: &str) -> Markup {
    html! {
        form method="post" action="/sign-in" {
            @if next != "/" { input type="hidden" name="next" value=(next); }
            @if !typed.is_empty() { input type="hidden" name="typed" value=(typed); }
            div class="field" {
                label for="email" { "E-mail" }
                input id="email" type="email" name="email" required autocomplete="username"
                    maxlength=(MAX_EMAIL) value=(email);
            }
            div class="field" {
                label for="password" { "Password" }
                input id="password" type="password" name="password" required
                    autocomplete="current-password";
            }
            details class="field" open[!account.is_empty()] {
                summary { "Is your e-mail in several accounts?" }
                label for="account" { "Account" }
                input id="account" name="account" value=(account) autocomplete="organization";
            }
            button class="button primary" type="submit" { "Sign in" }
        }
        p class="help" { a href="/reset" { "Forgotten your password?" } }
    }
}

/// Sign in
///
/// A form, or the same as JSON: `email`, `password`, and `account` for somebody who is in several.
/// Too many tries in vain within 15 minutes are refused with 429: 20 from an address, 5 for an
/// e-mail from a network (/24, /48), 50 for an e-mail in all. A browser in which the user signed in
/// before, known by a second cookie, has 5 of its own and none of these bounds.
pub(in crate::http) async fn submit((shared, request, payload): PublicForm) -> PublicResult {
    let place = shared.sessions.site.place(&request)?;
    let names = ["email", "password", "account"];
    let mut form = Form::read(&request, &place, payload, &names).await?;
    let [email, password, account] = names.map(|it| form.take(it));
    let [next, fields] = ["next", "typed"].map(|it| form.take(it));
    let page = own_path(&next).to_owned();
    let typed = Typed { page, fields };
    let given = [email.as_str(), &password, &account];
    match sign_in(&shared, &request, &place, given).await {
        Ok((user, opened)) => {
            let mut response = if form.json {
                layout::with_headers(HttpResponse::Ok())
            } else {
                let database = shared.engine.database();
                // The sign-in holds even if what they typed is lost.
                let form = kept::after_sign_in(database, &opened, &typed).await;
                layout::go_to(form.ok().flatten().unwrap_or(typed.page))
            };
            response.append_header((SET_COOKIE, session::given(&place, &opened.token)));
            response.append_header((SET_COOKIE, session::given_known(&place, &opened.known)));
            if !form.json {
                return Ok(response.finish());
            }
            Ok(response.json(SignedInView {
                id: user.id,
                account_id: user.account,
                email: user.email.to_string(),
                role: user.role,
                csrf_token: session::csrf_token(&opened.csrf),
            }))
        }
        Err(problem) if form.json => Err(problem),
        Err(problem) => {
            let again = form_for(&email, &account, &typed.page, &typed.fields);
            Ok(layout::refused(&problem, TITLE, &again))
        }
    }
}

async fn sign_in(
    shared: &ServerContext,
    request: &HttpRequest,
    place: &BrowserOrigin,
    [email, password, account]: [&str; 3],
) -> Result<(User, NewSession), ProblemDetails> {
    let fields = [("/email", email), ("/password", password)];
    let missing = fields.into_iter().filter(|(_, value)| value.is_empty());
    let fault = |(pointer, _): (&str, &str)| Fault::new(pointer, "is missing");
    let faults: Vec<Fault> = missing.map(fault).collect();
    if !faults.is_empty() {
        return Err(ProblemDetails::invalid(faults));
    }
    let database = shared.engine.database();
    let wrong = || {
        ProblemDetails::new(
            ProblemKind::SignInRefused,
            "The e-mail or the password is wrong.",
        )
    };
    let address = shared.sessions.site.address(request);
    let known = session::known(request, place);
    let mut tries = Tries::new(Door::SignIn, email, &address, known);
    // The turn bounds also how fast tries are counted.
    let passwords = &shared.passwords;
    let turn = passwords.turn().await?;
    if let Some(seconds) = sign_in::count(database, &mut tries).await? {
        return Err(ProblemDetails::too_many(seconds));
    }
    // What is no e-mail is nobody's; it says nothing of who exists.
    let email: Email = email.parse().map_err(|_no_email| wrong())?;
    let account = Some(account.trim()).filter(|name| !name.is_empty());
    let found = user::find_for_sign_in(database, &email, account).await?;
    let (user, hash) = found.unzip();
    let disabled = user.as_ref().is_some_and(|user| user.disabled_at.is_some());
    let hash = hash.flatten().filter(|_| !disabled);
    let password = password.to_owned();
    let right = passwords.verify(turn, password, hash.clone()).await?;
    if let (true, Some(user), Some(hash)) = (right, &user, &hash) {
        let agent = request.headers().get(USER_AGENT);
        let agent = agent.and_then(|value| value.to_str().ok());
        let brought = stored::Brought {
            session: session::brought(request, place),
            known,
            user_agent: agent.unwrap_or_default(),
        };
        if let Some(opened) = stored::open(database, user, hash, brought, &tries).await? {
            return Ok((user.clone(), opened));
        }
    }
    let why = match (&user, &hash) {
        (None, _) => "no such user",
        (Some(_), _) if disabled => "the user is disabled",
        (Some(_), None) => "no password was set yet",
        (Some(_), Some(_)) => "wrong password",
    };
    sign_in::refused(database, &email, user.as_ref(), &tries, why).await?;
    Err(wrong())
}

/// Sign out
///
/// A form with `csrf_token`, or anything with the header `X-CSRF-Token`.
pub(in crate::http) async fn sign_out((shared, request, payload): PublicForm) -> PublicResult {
    let signed_in = request.extensions().get::<SignedIn>().cloned();
    let nobody = || ProblemDetails::new(ProblemKind::Unauthorized, "Nobody is signed in.");
    let signed_in = signed_in.ok_or_else(nobody)?;
    let mut json = signed_in.proved;
    if !signed_in.proved {
        let place = &signed_in.place;
        let mut form = Form::read(&request, place, payload, &["csrf_token"]).await?;
        if !signed_in.proves(&form.take("csrf_token")) {
            return Err(session::no_proof());
        }
        json = form.json;
    }
    let database = shared.engine.database();
    stored::sign_out(database, &signed_in.hash, &signed_in.session).await?;
    let cookie = (SET_COOKIE, session::taken(&signed_in.place));
    let mut response = if json {
        layout::with_headers(HttpResponse::NoContent())
    } else {
        layout::go_to("/sign-in")
    };
    Ok(response.insert_header(cookie).finish())
}
