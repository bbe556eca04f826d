//! Users of an account: who may sign in to its pages.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::http::body;
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::users::{self, UserInput, UserPatch};
use crate::store::user::User;

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
    let directory = &shared.directory;
    let mut rows = users::list(directory, account, wanted.after, wanted.rows()).await?;
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
    let input = body::input(&request, payload).await?;
    let made = users::invite(&shared.directory, account, &caller.actor(), input).await;
    let (made, link) = made?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/users/{}", made.id)))
        .json(InvitedView {
            view: made.into(),
            link,
        }))
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
    let found = users::show(&shared.directory, account, part(&request, "id")?).await?;
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
    let patch = body::input(&request, payload).await?;
    let by = caller.actor();
    let changed = users::change(&shared.directory, account, id, &by, patch).await?;
    Ok(HttpResponse::Ok().json(UserView::from(changed)))
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
    let id = part(&request, "id")?;
    users::remove(&shared.directory, account, id, &caller.actor()).await?;
    Ok(HttpResponse::NoContent().finish())
}
