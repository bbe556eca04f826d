//! Users of an account: who may sign in to its pages.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::http::extract::{Asked, Body, In, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::{Done, Made, Shown};
use crate::service::input::WholeList;
use crate::service::users::{self, UserInput, UserPatch};
use crate::store::user::User;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UserView {
    /// Their id.
    id: UserId,
    /// Whose user it is.
    account_id: AccountId,
    /// How they sign in: unique in the account, upper and lower case alike.
    #[schema(example = "ann@example.com")]
    email: String,
    /// What people call them; may be empty.
    name: String,
    /// `viewer` or `admin`.
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
    /// handed over. Null: it is in the mail, or the Idempotency-Key was used before.
    link: Option<String>,
}

pub(in crate::http) async fn list(
    In(shared, account, ..): In,
    Asked(asked): Asked<WholeList>,
) -> Result<Page<UserView>, Problem> {
    let wanted: Wanted<'_, UserId> = Wanted::of(&asked, "users")?;
    let rows = users::list(&shared.directory, account, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, UserView::from))
}

pub(in crate::http) async fn invite(
    In(shared, account, caller): In,
    keyed: Keyed<UserInput>,
) -> Result<Made<InvitedView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let (directory, input) = (&shared.directory, input.finish()?);
    let (made, link) = users::invite(directory, account, making.get(), input).await?;
    Ok(Made {
        at: Some(format!("/v1/users/{}", made.id)),
        what: InvitedView {
            view: made.into(),
            link,
        },
    })
}

pub(in crate::http) async fn show(
    In(shared, account, ..): In,
    Path(id): Path<UserId>,
) -> Result<Shown<UserView>, Problem> {
    let found = users::show(&shared.directory, account, id).await?;
    Ok(Shown(found.into()))
}

pub(in crate::http) async fn change(
    In(shared, account, caller): In,
    Path(id): Path<UserId>,
    Body(patch): Body<UserPatch>,
) -> Result<Shown<UserView>, Problem> {
    let by = caller.actor();
    let changed = users::change(&shared.directory, account, id, &by, patch).await?;
    Ok(Shown(changed.into()))
}

pub(in crate::http) async fn remove(
    In(shared, account, caller): In,
    Path(id): Path<UserId>,
) -> Result<Done, Problem> {
    users::remove(&shared.directory, account, id, &caller.actor()).await?;
    Ok(Done)
}
