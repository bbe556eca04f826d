//! Accounts, for operators.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::AccountId;
use crate::domain::mail::Sender;
use crate::http::extract::{Asker, JsonBody, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson, EmptyReply, OkJson};
use crate::service::accounts::{self, AccountInput, AccountPatch, Bounds};
use crate::service::input::WholeList;
use crate::service::views;
use crate::store::account::Account;

views! {
    /// An account.
    pub(crate) AccountView of account: Account {
        /// Its id.
        id: AccountId,
        /// Its name.
        #[schema(example = "main")]
        name: String,
        /// When it was made.
        created_at: DateTime<Utc>,
        /// The senders that its mails may name: addresses, or domains for every address of theirs;
        /// null: the domain of `mail_from`.
        mail_senders: Option<Vec<String>> = senders(account.mail_senders),
    }

    /// What an account has of each thing, and the most that it may have. The bounds are settings
    /// (`account_…`), the same for every account.
    pub(crate) BoundsView of it: Bounds {
        /// Event types of its own.
        event_types: BoundView = bound(it.used.event_types, it.most.event_types),
        /// Bytes of their schemas.
        schema_bytes: BoundView = bound(it.used.schema_bytes, it.most.schema_bytes),
        /// Subscriptions.
        subscriptions: BoundView = bound(it.used.subscriptions, it.most.subscriptions),
        /// Tokens in force.
        tokens: BoundView = bound(it.used.tokens, it.most.tokens),
        /// Users.
        users: BoundView = bound(it.used.users, it.most.users),
        /// Activities that it added to the catalogue.
        activity_types: BoundView = bound(it.used.activity_types, it.most.activity_types),
        /// Idempotency keys that were stored today, by UTC.
        idempotency_keys: BoundView = bound(it.used.idempotency_keys, it.most.idempotency_keys),
    }
}

/// An account with what it has of all that is bounded.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountShown {
    #[serde(flatten)]
    account: AccountView,
    /// What it has, and the most that it may have.
    bounds: BoundsView,
}

/// How much of one thing an account has.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct BoundView {
    /// What it has.
    pub used: i64,
    /// The most that it may have.
    pub most: u32,
}

const fn bound(used: i64, most: u32) -> BoundView {
    BoundView { used, most }
}

fn senders(listed: Option<Vec<Sender>>) -> Option<Vec<String>> {
    listed.map(|listed| listed.iter().map(Sender::to_string).collect())
}

pub(crate) async fn list(
    by: Asker,
    QueryInput(asked): QueryInput<WholeList>,
) -> ApiResult<Page<AccountView>> {
    let wanted: PageRequest<'_, AccountId> = PageRequest::of(&asked, "accounts")?;
    let rows = accounts::list(&by.shared.directory, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, AccountView::from))
}

pub(crate) async fn create(
    by: Asker,
    keyed: Keyed<AccountInput>,
) -> ApiResult<CreatedJson<AccountView>> {
    let (input, making) = keyed.split(by.caller.actor());
    let made = accounts::create(&by.shared.directory, making.get(), input.finish()?).await?;
    Ok(CreatedJson::at(format!("/v1/accounts/{}", made.id), made))
}

pub(crate) async fn show(by: Asker, Path(id): Path<AccountId>) -> ApiResult<OkJson<AccountShown>> {
    let directory = &by.shared.directory;
    let account = accounts::show(directory, id).await?.into();
    let bounds = accounts::bounds(directory, id).await?.into();
    Ok(OkJson(AccountShown { account, bounds }))
}

pub(crate) async fn change(
    by: Asker,
    Path(id): Path<AccountId>,
    JsonBody(patch): JsonBody<AccountPatch>,
) -> ApiResult<OkJson<AccountView>> {
    let changed = accounts::change(&by.shared.directory, id, &by.caller.actor(), patch).await?;
    Ok(OkJson(changed.into()))
}

pub(crate) async fn remove(by: Asker, Path(id): Path<AccountId>) -> ApiResult<EmptyReply> {
    accounts::remove(&by.shared.directory, id, &by.caller.actor()).await?;
    Ok(EmptyReply)
}
