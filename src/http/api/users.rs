//! Users of an account: who may sign in to its pages.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::http::extract::{In, JsonBody, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson, EmptyReply, OkJson};
use crate::service::input::WholeList;
use crate::service::users::{self, UserInput, UserPatch};
use crate::service::views;
use crate::store::user::User;

views! {
    /// A user.
    pub(crate) UserView of user: User {
        /// Their id.
        id: UserId,
        /// Whose user it is.
        account_id: AccountId = user.account,
        /// How they sign in: unique in the account, upper and lower case alike.
        #[schema(example = "ann@example.com")]
        email: String = user.email.to_string(),
        /// What people call them; may be empty.
        name: String,
        /// `viewer` or `admin`.
        role: UserRole,
        /// They may not sign in.
        disabled: bool = user.disabled_at.is_some(),
        /// They have set a password; else they are invited.
        password_set: bool,
        /// When they were added.
        created_at: DateTime<Utc>,
        /// When they signed in last.
        last_sign_in_at: Option<DateTime<Utc>>,
    }
}

/// A user just invited.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitedView {
    #[serde(flatten)]
    view: UserView,
    /// The single-use link to set a password, if no mail could be sent: shown this once, to be
    /// handed over. Null: it is in the mail, or the Idempotency-Key was used before.
    link: Option<String>,
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<WholeList>,
) -> ApiResult<Page<UserView>> {
    let wanted: PageRequest<'_, UserId> = PageRequest::of(&asked, "users")?;
    let directory = &at.shared.directory;
    let rows = users::list(directory, at.account, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, UserView::from))
}

pub(crate) async fn invite(at: In, keyed: Keyed<UserInput>) -> ApiResult<CreatedJson<InvitedView>> {
    let (input, making) = keyed.split(at.cx().by());
    let (directory, input) = (&at.shared.directory, input.finish()?);
    let (made, link) = users::invite(directory, at.account, making.get(), input).await?;
    let (address, view) = (format!("/v1/users/{}", made.id), made.into());
    Ok(CreatedJson::at(address, InvitedView { view, link }))
}

pub(crate) async fn show(at: In, Path(id): Path<UserId>) -> ApiResult<OkJson<UserView>> {
    let found = users::show(&at.shared.directory, at.account, id).await?;
    Ok(OkJson(found.into()))
}

pub(crate) async fn change(
    at: In,
    Path(id): Path<UserId>,
    JsonBody(patch): JsonBody<UserPatch>,
) -> ApiResult<OkJson<UserView>> {
    let (directory, by) = (&at.shared.directory, at.cx().by());
    let changed = users::change(directory, at.account, id, &by, patch).await?;
    Ok(OkJson(changed.into()))
}

pub(crate) async fn remove(at: In, Path(id): Path<UserId>) -> ApiResult<EmptyReply> {
    users::remove(&at.shared.directory, at.account, id, &at.cx().by()).await?;
    Ok(EmptyReply)
}
