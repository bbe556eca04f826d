//! For which accounts a version of a script runs on the isolated runner or not at all, for every
//! daemon and beyond a restart. What is new is committed with its entry in the activity log of the
//! account, and of `main` where the operators look.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::plugin_state::{lock, log_change};
use super::schema::{account, plugin_health};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::OwnActivity;
use crate::domain::id::{AccountId, MAIN_ACCOUNT};

/// What is known of a version and an account.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = plugin_health)]
pub struct AccountMark {
    /// The script's name.
    pub name: String,
    /// The version, 64 hexadecimal digits.
    pub hash: String,
    account_id: Uuid,
    /// Since when it runs on a thread of its own.
    pub apart_at: Option<DateTime<Utc>>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why it is suspended.
    pub reason: Option<String>,
}

impl AccountMark {
    /// Of a version with which nothing is wrong for an account.
    #[must_use]
    pub fn new(name: &str, hash: &str, account: AccountId) -> Self {
        Self {
            name: name.to_owned(),
            hash: hash.to_owned(),
            account_id: account.uuid(),
            apart_at: None,
            suspended_at: None,
            reason: None,
        }
    }

    /// The same, on the isolated runner since then.
    #[must_use]
    pub fn apart(self, at: DateTime<Utc>) -> Self {
        Self {
            apart_at: Some(at),
            ..self
        }
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        AccountId::from_uuid(self.account_id)
    }
}

/// What a daemon found out about a version and an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It takes too long: it runs on the isolated runner.
    Apart,
    /// It was quick for long enough: it runs where the others run.
    Back,
    /// It fails too much: it is suspended.
    Suspended,
}

/// Everything that is wrong with some version for some account.
///
/// # Errors
/// When the database is away.
pub async fn all(database: &Database) -> Result<Vec<AccountMark>, StoreError> {
    let mut connection = database.get().await?;
    Ok(plugin_health::table
        .filter(plugin_health::apart_at.is_not_null())
        .or_filter(plugin_health::suspended_at.is_not_null())
        .load(&mut connection)
        .await?)
}

/// Notes what a daemon found out at that time about the version and account of `mark`, and why.
/// Safe to run again. Of a version that goes to and fro, only its first time on the isolated runner
/// is logged.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn note(
    database: &Database,
    mark: &AccountMark,
    finding: &Finding,
    at: DateTime<Utc>,
    reason: &str,
) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            lock(connection, &mark.name).await?;
            let row = || plugin_health::table.find((&mark.name, &mark.hash, mark.account_id));
            let before: Option<AccountMark> = row().first(connection).await.optional()?;
            if before.is_none() {
                // The account may be gone meanwhile.
                let there = diesel::dsl::exists(account::table.find(mark.account_id));
                let there: bool = diesel::select(there).one(connection).await?;
                if *finding == Finding::Back || !there {
                    return Ok(());
                }
                diesel::insert_into(plugin_health::table)
                    .values(AccountMark::new(&mark.name, &mark.hash, mark.account()))
                    .execute(connection)
                    .await?;
            }
            let news = match finding {
                Finding::Apart | Finding::Back => {
                    let since = (*finding == Finding::Apart).then_some(at);
                    diesel::update(row())
                        .set(plugin_health::apart_at.eq(since))
                        .execute(connection)
                        .await?;
                    before.is_none().then_some(OwnActivity::PluginSetApart)
                }
                Finding::Suspended => {
                    let known = before.is_some_and(|before| before.suspended_at.is_some());
                    if !known {
                        diesel::update(row())
                            .set((
                                plugin_health::suspended_at.eq(at),
                                plugin_health::reason.eq(reason),
                            ))
                            .execute(connection)
                            .await?;
                    }
                    (!known).then_some(OwnActivity::PluginSuspended)
                }
            };
            let Some(news) = news else {
                return Ok(());
            };
            let account = mark.account();
            let payload = serde_json::json!({
                "hash": mark.hash, "reason": reason, "account_id": account.to_string(),
            });
            log_change(connection, account, &mark.name, news, &payload).await?;
            if account != MAIN_ACCOUNT {
                log_change(connection, MAIN_ACCOUNT, &mark.name, news, &payload).await?;
            }
            Ok(())
        })
        .await
}

/// Forgets every version of a script but the one of that hash. Returns the accounts for which
/// one was suspended.
pub(super) async fn forget_others(
    connection: &mut Connection,
    name: &str,
    hash: Option<&str>,
) -> Result<Vec<AccountId>, StoreError> {
    let others = plugin_health::table
        .filter(plugin_health::name.eq(name))
        .filter(plugin_health::hash.ne(hash.unwrap_or_default()));
    let gone: Vec<AccountMark> = diesel::delete(others)
        .returning(plugin_health::all_columns)
        .get_results(connection)
        .await?;
    let mut accounts: Vec<AccountId> = gone
        .iter()
        .filter(|mark| mark.suspended_at.is_some())
        .map(AccountMark::account)
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    Ok(accounts)
}
