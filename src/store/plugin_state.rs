//! What is known of each script, for every daemon and beyond a restart. Each change is committed
//! with its entry in the activity log, so that only one of several daemons that see it
//! logs it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::schema::plugin_state;
use super::{Connection, Database, StoreError, activity, plugin_health};
use crate::domain::activity::{Actor, NewActivity, OwnActivity};
use crate::domain::id::{AccountId, MAIN_ACCOUNT};

/// One script's state. All but the name and the fault count only for the version of that hash.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PluginMark {
    /// The script's name.
    pub name: String,
    /// The version at work, 64 hexadecimal digits.
    pub hash: Option<String>,
    /// What is wrong with the file as it is.
    pub broken: Option<String>,
    /// What older daemons found, of whichever account it came; see [`plugin_health`]. It says
    /// nothing any more.
    pub apart_at: Option<DateTime<Utc>>,
    /// Since when older daemons have it suspended, for all accounts.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why it is suspended.
    pub reason: Option<String>,
}

/// A script as a daemon found it in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPlugin {
    /// The script's name.
    pub name: String,
    /// The version at work; none and no fault: the file is gone.
    pub hash: Option<String>,
    /// What is wrong with the file as it is, without a line of it.
    pub broken: Option<String>,
}

impl FoundPlugin {
    const fn is_gone(&self) -> bool {
        self.hash.is_none() && self.broken.is_none()
    }

    /// What is to be logged, compared with what was known; `freed`: it was suspended for some
    /// account.
    fn news(&self, before: Option<&PluginMark>, freed: bool) -> Option<OwnActivity> {
        if self.is_gone() {
            return before.map(|_| OwnActivity::PluginRemoved);
        }
        let Some(before) = before else {
            let broken = self.broken.is_some();
            return Some(if broken {
                OwnActivity::PluginBroken
            } else {
                OwnActivity::PluginLoaded
            });
        };
        let changed = self.hash != before.hash;
        match &self.broken {
            Some(_) if self.broken == before.broken && !changed => None,
            Some(_) => Some(OwnActivity::PluginBroken),
            None if before.broken.is_some() => Some(OwnActivity::PluginRecovered),
            None if freed || changed && before.suspended_at.is_some() => {
                Some(OwnActivity::PluginRecovered)
            }
            None if changed => Some(OwnActivity::PluginLoaded),
            None => None,
        }
    }
}

/// All of them.
///
/// # Errors
/// When the database is away.
pub async fn all(database: &Database) -> Result<Vec<PluginMark>, StoreError> {
    let mut connection = database.get().await?;
    Ok(plugin_state::table.load(&mut connection).await?)
}

/// Takes over what a daemon found. Safe to run again.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn found(database: &Database, plugin: &FoundPlugin) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let before = lock(connection, &plugin.name).await?;
            let hash = plugin.hash.as_deref();
            // What cannot be read now may be the same version when it can be.
            let freed = if hash.is_some() || plugin.is_gone() {
                plugin_health::forget_others(connection, &plugin.name, hash).await?
            } else {
                Vec::new()
            };
            let Some(news) = plugin.news(before.as_ref(), !freed.is_empty()) else {
                return Ok(());
            };
            // Another version starts from nothing; a broken save leaves the one at work as it is.
            if plugin.is_gone() || before.is_some_and(|before| before.hash != plugin.hash) {
                diesel::delete(plugin_state::table.find(&plugin.name))
                    .execute(connection)
                    .await?;
            }
            if !plugin.is_gone() {
                diesel::insert_into(plugin_state::table)
                    .values((
                        plugin_state::name.eq(&plugin.name),
                        plugin_state::hash.eq(&plugin.hash),
                        plugin_state::broken.eq(&plugin.broken),
                    ))
                    .on_conflict(plugin_state::name)
                    .do_update()
                    .set(plugin_state::broken.eq(&plugin.broken))
                    .execute(connection)
                    .await?;
            }
            let payload = serde_json::json!({"hash": plugin.hash, "error": plugin.broken});
            for account in freed.into_iter().filter(|it| *it != MAIN_ACCOUNT) {
                log_change(connection, account, &plugin.name, news, &payload).await?;
            }
            log_change(connection, MAIN_ACCOUNT, &plugin.name, news, &payload).await
        })
        .await
}

/// What is known of a script. Until the transaction ends, other daemons wait here: a row that is
/// not there yet cannot be locked.
pub(super) async fn lock(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<PluginMark>, StoreError> {
    diesel::sql_query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<diesel::sql_types::Text, _>(name)
        .execute(connection)
        .await?;
    let row = plugin_state::table.find(name).first(connection).await;
    Ok(row.optional()?)
}

/// Logs what happened to a script in an account's activity log.
pub(super) async fn log_change(
    connection: &mut Connection,
    account: AccountId,
    name: &str,
    what: OwnActivity,
    payload: &serde_json::Value,
) -> Result<(), StoreError> {
    let entry = NewActivity::own(what, &Actor::Herald, Some(name.to_owned()), Some(payload));
    activity::append(connection, account, &entry).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(hash: Option<&str>, broken: Option<&str>, suspended: bool) -> PluginMark {
        PluginMark {
            name: "named/x.rhai".to_owned(),
            hash: hash.map(str::to_owned),
            broken: broken.map(str::to_owned),
            apart_at: None,
            suspended_at: suspended.then_some(DateTime::UNIX_EPOCH),
            reason: suspended.then(|| "why".to_owned()),
        }
    }

    #[test]
    fn each_change_of_a_script_is_told_once() {
        use OwnActivity::{PluginBroken, PluginLoaded, PluginRecovered, PluginRemoved};
        let (a, b, fault) = (Some("a"), Some("b"), Some("line 1"));
        let good = mark(a, None, false);
        for (before, hash, broken, expected) in [
            (None, a, None, Some(PluginLoaded)),
            (None, None, fault, Some(PluginBroken)),
            (None, None, None, None),
            (Some(good.clone()), a, None, None),
            (Some(good.clone()), b, None, Some(PluginLoaded)),
            (Some(good.clone()), a, fault, Some(PluginBroken)),
            (Some(good), None, None, Some(PluginRemoved)),
            (Some(mark(a, fault, false)), a, fault, None),
            (Some(mark(a, fault, false)), a, None, Some(PluginRecovered)),
            (Some(mark(a, fault, false)), b, None, Some(PluginRecovered)),
            (Some(mark(a, None, true)), a, None, None),
            (Some(mark(a, None, true)), b, None, Some(PluginRecovered)),
            (Some(mark(a, None, true)), a, fault, Some(PluginBroken)),
        ] {
            let found = FoundPlugin {
                name: "named/x.rhai".to_owned(),
                hash: hash.map(str::to_owned),
                broken: broken.map(str::to_owned),
            };
            assert_eq!(
                found.news(before.as_ref(), false),
                expected,
                "{before:?} {found:?}"
            );
        }
        let found = FoundPlugin {
            name: "named/x.rhai".to_owned(),
            hash: b.map(str::to_owned),
            broken: None,
        };
        let good = mark(a, None, false);
        assert_eq!(found.news(Some(&good), true), Some(PluginRecovered));
    }
}
