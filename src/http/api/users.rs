//! Users of an account: who may sign in to its pages.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes::{UserInput, UserPatch};
use super::{no_query, part};
use crate::domain::email::Email;
use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;
use crate::http::auth::{Caller, Who};
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::pages::mails;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::fresh::fresh_uuid;
use crate::store::user::{self, MAX_USER_NAME, NewUser, User, UserChange};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UserView {
    /// Their id.
    #[schema(value_type = String, example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: UserId,
    /// Whose user it is.
    #[schema(value_type = String)]
    account_id: AccountId,
    /// How they sign in: unique in the account, upper and lower case alike.
    #[schema(example = "ann@example.com")]
    email: String,
    /// What people call them; may be empty.
    name: String,
    /// `viewer` or `admin`.
    #[schema(value_type = String, example = "viewer")]
    role: UserRole,
    /// They may not sign in.
    disabled: bool,
    /// They have set a password; else they are invited.
    password_set: bool,
    /// When they were added.
    created_at: DateTime<Utc>,
    /// When they signed in last.
    last_sign_in_at: Option<DateTime<Utc>>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            account_id: user.account,
            email: user.email.to_string(),
            name: user.name,
            role: user.role,
            disabled: user.disabled_at.is_some(),
            password_set: user.password_set,
            created_at: user.created_at,
            last_sign_in_at: user.last_sign_in_at,
        }
    }
}

/// A user just invited.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct InvitedView {
    #[serde(flatten)]
    view: UserView,
    /// The single-use link to set a password, if no mail could be sent: shown this once, to be
    /// handed over. Null: it is in the mail.
    link: Option<String>,
}

const LIST: &str = "users";

/// List users, newest first
#[utoipa::path(
    get, path = "/v1/users", tag = "users",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<UserView>))
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let wanted: Wanted<UserId> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let database = shared.engine.database();
    let mut rows = user::list(database, account, wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let data: Vec<UserView> = rows.into_iter().map(UserView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// Invite a user
///
/// A mail brings them a link to set their password, which works once, within 7 days.
#[utoipa::path(
    post, path = "/v1/users", tag = "users",
    request_body = UserInput,
    responses(
        (status = 201, description = "Invited", body = InvitedView),
        (status = 409, description = "There is a user with this e-mail", body = ProblemDocument),
        (status = 422, description = "Wrong values", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn invite(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let body = body::object(&request, payload).await?;
    let (made, link) = add(&shared, &caller, account, &body).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/users/{}", made.id)))
        .json(InvitedView {
            view: made.into(),
            link,
        }))
}

/// Invites the user that a body tells of. Answers the link, if no mail could be sent.
///
/// # Errors
/// Wrong values, each told, a user with this e-mail, or the database is away.
pub(in crate::http) async fn add(
    shared: &Shared,
    caller: &Caller,
    account: AccountId,
    body: &[u8],
) -> Result<(User, Option<String>), Problem> {
    let mut fields = Fields::parse(body)?;
    let email = fields.need("email", fields::parsed::<Email>);
    let name = fields.take("name", name);
    let role = fields.need("role", fields::parsed::<UserRole>);
    fields.finish()?;
    // `finish` refused a body without them; this is for the types' sake.
    let (Some(email), Some(role)) = (email, role) else {
        return Err(Problem::invalid(vec![Fault::new("/email", "is missing")]));
    };
    let id = UserId::from_uuid(fresh_uuid(shared.engine.clock()));
    let new = NewUser {
        id,
        account,
        email,
        name: name.unwrap_or_default(),
        role,
    };
    let base = shared.sessions.site.base();
    let write = mails::with_link(base.to_owned());
    let database = shared.engine.database();
    let (made, token) = user::add(database, new, Some(&write), &caller.actor()).await?;
    let link = token.map(|token| LinkPurpose::Invitation.address(base, &token));
    Ok((made, link))
}

/// Show one user
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "`usr_…`")),
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let found = user::find(shared.engine.database(), account, part(&request, "id")?).await?;
    let found = found.ok_or_else(|| Problem::not_found("user"))?;
    Ok(HttpResponse::Ok().json(UserView::from(found)))
}

/// Change a user
///
/// Disabling ends their sessions and links at once. Nobody takes the role admin from themselves
/// or disables themselves.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "`usr_…`")),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The user as it is now", body = UserView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It is you", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn change(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id = part(&request, "id")?;
    let body = body::object(&request, payload).await?;
    let changed = alter(&shared, &caller, account, id, &body).await?;
    Ok(HttpResponse::Ok().json(UserView::from(changed)))
}

/// Changes a user to what a body says.
///
/// # Errors
/// Wrong values, each told, no such user, it is the caller, or the database is away.
pub(in crate::http) async fn alter(
    shared: &Shared,
    caller: &Caller,
    account: AccountId,
    id: UserId,
    body: &[u8],
) -> Result<User, Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.take("name", name);
    let role = fields.take("role", fields::parsed::<UserRole>);
    let disabled = fields.take("disabled", |value| {
        value
            .as_bool()
            .ok_or_else(|| "must be true or false".to_owned())
    });
    fields.finish()?;
    if disabled == Some(true) || role.is_some_and(|role| role != UserRole::Admin) {
        not_oneself(caller, id)?;
    }
    let change = UserChange {
        name,
        role,
        disabled,
    };
    let database = shared.engine.database();
    let changed = user::change(database, account, id, change, &caller.actor()).await?;
    changed.ok_or_else(|| Problem::not_found("user"))
}

/// Remove a user
///
/// With their sessions and links, at once. What they did stays in the activity log.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "`usr_…`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It is you", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn remove(
    shared: Data<Shared>,
    caller: Caller,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    end(&shared, &caller, account, part(&request, "id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a user.
///
/// # Errors
/// There is no such user, it is the caller, or the database is away.
pub(in crate::http) async fn end(
    shared: &Shared,
    caller: &Caller,
    account: AccountId,
    id: UserId,
) -> Result<(), Problem> {
    not_oneself(caller, id)?;
    if user::remove(shared.engine.database(), account, id, &caller.actor()).await? {
        Ok(())
    } else {
        Err(Problem::not_found("user"))
    }
}

/// So that the last admin cannot lock everybody out of the pages by mistake.
fn not_oneself(caller: &Caller, id: UserId) -> Result<(), Problem> {
    match &caller.who {
        Who::User(session) if session.user() == id => Err(Problem::new(
            Kind::Conflict,
            "That is you: another admin can do it.",
        )),
        _ => Ok(()),
    }
}

/// A user's name.
pub(in crate::http) fn name(value: serde_json::Value) -> Result<String, String> {
    let name = fields::text_within(0..=MAX_USER_NAME)(value)?;
    if name.contains(char::is_control) {
        Err("must not hold control characters".to_owned())
    } else {
        Ok(name)
    }
}
