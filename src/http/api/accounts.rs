//! Accounts, for operators.

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::AccountId;
use crate::domain::mail::Sender;
use crate::http::extract::{Asked, Body, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::{Done, Made, Shown};
use crate::http::shared::Shared;
use crate::service::accounts::{self, AccountInput, AccountPatch, Bounds};
use crate::service::callers::Caller;
use crate::service::input::WholeList;
use crate::store::account::Account;

/// An account.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AccountView {
    /// Its id.
    id: AccountId,
    /// Its name.
    #[schema(example = "main")]
    name: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The senders that its mails may name: addresses, or domains for every address of theirs;
    /// null: the domain of `mail_from`.
    mail_senders: Option<Vec<String>>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name,
            created_at: account.created_at,
            mail_senders: account
                .mail_senders
                .map(|listed| listed.iter().map(Sender::to_string).collect()),
        }
    }
}

/// An account with what it has of all that is bounded.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AccountShown {
    #[serde(flatten)]
    account: AccountView,
    /// What it has, and the most that it may have.
    bounds: BoundsView,
}

/// What an account has of each thing, and the most that it may have. The bounds are settings
/// (`account_…`), the same for every account.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BoundsView {
    /// Event types of its own.
    event_types: BoundView,
    /// Bytes of their schemas.
    schema_bytes: BoundView,
    /// Subscriptions.
    subscriptions: BoundView,
    /// Tokens in force.
    tokens: BoundView,
    /// Users.
    users: BoundView,
    /// Activities that it added to the catalogue.
    activity_types: BoundView,
    /// Idempotency keys that were stored today, by UTC.
    idempotency_keys: BoundView,
}

/// How much of one thing an account has.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in crate::http) struct BoundView {
    /// What it has.
    pub used: i64,
    /// The most that it may have.
    pub most: u32,
}

impl From<Bounds> for BoundsView {
    fn from(Bounds { used, most }: Bounds) -> Self {
        let bound = |used, most| BoundView { used, most };
        Self {
            event_types: bound(used.event_types, most.event_types),
            schema_bytes: bound(used.schema_bytes, most.schema_bytes),
            subscriptions: bound(used.subscriptions, most.subscriptions),
            tokens: bound(used.tokens, most.tokens),
            users: bound(used.users, most.users),
            activity_types: bound(used.activity_types, most.activity_types),
            idempotency_keys: bound(used.idempotency_keys, most.idempotency_keys),
        }
    }
}

pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Asked(asked): Asked<WholeList>,
) -> Result<Page<AccountView>, Problem> {
    let wanted: Wanted<'_, AccountId> = Wanted::of(&asked, "accounts")?;
    let rows = accounts::list(&shared.directory, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, AccountView::from))
}

pub(in crate::http) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    keyed: Keyed<AccountInput>,
) -> Result<Made<AccountView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let made = accounts::create(&shared.directory, making.get(), input.finish()?).await?;
    Ok(Made {
        at: Some(format!("/v1/accounts/{}", made.id)),
        what: made.into(),
    })
}

pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Path(id): Path<AccountId>,
) -> Result<Shown<AccountShown>, Problem> {
    let directory = &shared.directory;
    let account = accounts::show(directory, id).await?.into();
    let bounds = accounts::bounds(directory, id).await?.into();
    Ok(Shown(AccountShown { account, bounds }))
}

pub(in crate::http) async fn change(
    shared: Data<Shared>,
    caller: Caller,
    Path(id): Path<AccountId>,
    Body(patch): Body<AccountPatch>,
) -> Result<Shown<AccountView>, Problem> {
    let changed = accounts::change(&shared.directory, id, &caller.actor(), patch).await?;
    Ok(Shown(changed.into()))
}

pub(in crate::http) async fn remove(
    shared: Data<Shared>,
    caller: Caller,
    Path(id): Path<AccountId>,
) -> Result<Done, Problem> {
    accounts::remove(&shared.directory, id, &caller.actor()).await?;
    Ok(Done)
}
