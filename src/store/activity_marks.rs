//! What happened to a webhook, or to its script, within a time: marks on its charts.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::{Database, StoreError};
use crate::domain::activity::{OWN_GROUP, OwnActivity};
use crate::domain::id::{AccountId, MAIN_ACCOUNT, SubscriptionId};

/// Something that may explain a chart.
#[derive(Debug, Clone, QueryableByName)]
pub struct Marked {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// The name of the activity.
    #[diesel(sql_type = Text)]
    pub activity: String,
    /// Who; none: Herald itself, or a token.
    #[diesel(sql_type = Nullable<Text>)]
    pub user: Option<String>,
}

/// What changes how a webhook delivers.
const OF_WEBHOOKS: [OwnActivity; 5] = [
    OwnActivity::SubscriptionChanged,
    OwnActivity::SubscriptionPaused,
    OwnActivity::SubscriptionResumed,
    OwnActivity::SubscriptionEnabled,
    OwnActivity::SubscriptionDisabled,
];
/// What changes what a script does, for all accounts. Where it is suspended for one, that is in
/// the account's own log.
const OF_SCRIPTS: [OwnActivity; 4] = [
    OwnActivity::PluginLoaded,
    OwnActivity::PluginBroken,
    OwnActivity::PluginRecovered,
    OwnActivity::PluginRemoved,
];
/// Activities of one name that are looked through, the newest first.
const LOOKED_AT: &str = "500";

/// What happened to a webhook since a time, and to the script that it names; the oldest first, at
/// most the newest 12.
///
/// # Errors
/// When the database is away.
pub async fn since(
    database: &Database,
    account: AccountId,
    subscription: SubscriptionId,
    script: Option<&str>,
    from: DateTime<Utc>,
) -> Result<Vec<Marked>, StoreError> {
    let names = |all: &[OwnActivity]| -> Vec<&'static str> {
        all.iter().map(|activity| activity.as_str()).collect()
    };
    let mut found: Vec<Marked> = diesel::sql_query(format!(
        "select m.at, m.activity, m.\"user\" from ( \
             select $1 as account_id, unnest($2) as activity, $3 as subject \
             union all select $4, unnest($5), $6 where $6 is not null \
             union all select $1, $10, $6 where $6 is not null \
         ) k cross join lateral ( \
             select a.* from (select a.at, a.activity, a.\"user\", a.subject, a.payload from activity a \
                 where a.account_id = k.account_id and a.\"group\" = $7 \
                     and a.activity = k.activity and a.at >= $8 \
                 order by a.at desc, a.id desc limit {LOOKED_AT}) a \
             where a.subject = k.subject and ( \
                 a.activity <> $10 or coalesce(a.payload::json ->> 'account_id', $9) = $9) \
         ) m order by m.at desc limit 12"
    ))
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Array<Text>, _>(names(&OF_WEBHOOKS))
    .bind::<Text, _>(subscription.to_string())
    .bind::<SqlUuid, _>(MAIN_ACCOUNT.uuid())
    .bind::<Array<Text>, _>(names(&OF_SCRIPTS))
    .bind::<Nullable<Text>, _>(script)
    .bind::<Text, _>(OWN_GROUP)
    .bind::<Timestamptz, _>(from)
    .bind::<Text, _>(account.to_string())
    .bind::<Text, _>(OwnActivity::PluginSuspended.as_str())
    .load(&mut database.get().await?)
    .await?;
    found.reverse();
    Ok(found)
}
