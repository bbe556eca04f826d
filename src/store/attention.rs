//! What needs an operator's attention: which webhooks fail, since when and why, what is held,
//! what waits. Each question reads some rows of an index, however large the logs are.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::sql_types::SubscriptionState as SqlState;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;

/// Beyond so many, open deliveries of one webhook are not counted.
pub const MANY: i64 = 1_000;
/// Beyond so many, open deliveries of an account are not counted.
pub const VERY_MANY: i64 = 10_000;

/// A webhook whose deliveries fail.
#[derive(Debug, Clone, QueryableByName)]
pub struct Failing {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// What people call it.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// `enabled` or `paused`.
    #[diesel(sql_type = SqlState)]
    pub state: SubscriptionState,
    /// When the last attempt ended.
    #[diesel(sql_type = Timestamptz)]
    pub last_attempt_at: DateTime<Utc>,
    /// How many webhooks of the account fail.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
    /// The log's JSON of the last attempt that went wrong.
    #[diesel(sql_type = Nullable<Text>)]
    pub detail: Option<String>,
    /// Its open deliveries; [`MANY`] + 1: more.
    #[diesel(sql_type = BigInt)]
    pub open: i64,
    /// When the next attempt is due.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_due_at: Option<DateTime<Utc>>,
    /// Since when, to the minute, or to the hour where that is days ago.
    #[diesel(sql_type = Timestamptz)]
    pub since: DateTime<Utc>,
    /// When the last delivery arrived, as exactly as `since`.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_sent_at: Option<DateTime<Utc>>,
}

impl Failing {
    /// Which.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        SubscriptionId::from_uuid(self.id)
    }
}

/// The webhooks of an account that fail, or whether this one does; those that were tried last
/// first.
///
/// # Errors
/// When the database is away.
pub async fn failing(
    database: &Database,
    account: AccountId,
    subscription: Option<SubscriptionId>,
    limit: i64,
) -> Result<Vec<Failing>, StoreError> {
    Ok(diesel::sql_query(include_str!("attention/failing.sql"))
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Nullable<SqlUuid>, _>(subscription.map(SubscriptionId::uuid))
        .bind::<BigInt, _>(limit)
        .load(&mut database.get().await?)
        .await?)
}

/// A webhook that is paused or disabled.
#[derive(Debug, Clone, QueryableByName)]
pub struct Halted {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// What people call it.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// `paused` or `disabled`.
    #[diesel(sql_type = SqlState)]
    pub state: SubscriptionState,
    /// Why Herald itself disabled it.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// When it was changed last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// Deliveries that it holds; [`MANY`] + 1: more.
    #[diesel(sql_type = BigInt)]
    pub held: i64,
}

impl Halted {
    /// Which.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        SubscriptionId::from_uuid(self.id)
    }
}

/// Webhooks that Herald itself disabled, and those that hold deliveries; changed last first.
///
/// # Errors
/// When the database is away.
pub async fn halted(
    database: &Database,
    account: AccountId,
    limit: i64,
) -> Result<Vec<Halted>, StoreError> {
    Ok(diesel::sql_query(
        "select s.id, s.title, s.state, s.disabled_reason as reason, s.updated_at, h.held \
         from subscription s cross join lateral ( \
             select count(*) as held from ( \
                 select from delivery d \
                 where d.account_id = s.account_id and d.subscription_id = s.id limit $2 \
             ) d \
         ) h \
         where s.account_id = $1 and s.deleted_at is null and s.state <> 'enabled' \
             and (s.disabled_reason is not null or h.held > 0) \
         order by s.disabled_reason is null, s.updated_at desc, s.id limit $3",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<BigInt, _>(MANY + 1)
    .bind::<BigInt, _>(limit)
    .load(&mut database.get().await?)
    .await?)
}

/// What is open in an account.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Open {
    /// Deliveries with a row; [`VERY_MANY`] + 1: more.
    #[diesel(sql_type = BigInt)]
    pub deliveries: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    oldest: Option<Uuid>,
    /// Mails that were refused for now and are tried again; [`MANY`] + 1: more.
    #[diesel(sql_type = BigInt)]
    pub mails_retried: i64,
    /// Mails of the last day that were given up; [`MANY`] + 1: more.
    #[diesel(sql_type = BigInt)]
    pub mails_failed: i64,
    /// Webhooks, whatever their state; at most one more than [`MANY`].
    #[diesel(sql_type = BigInt)]
    pub webhooks: i64,
    /// When an event that goes in a circle was reported, within the last day.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub loop_at: Option<DateTime<Utc>>,
    /// Events at all: 0 or 1.
    #[diesel(sql_type = BigInt)]
    pub events: i64,
}

impl Open {
    /// When the event of the oldest open delivery was accepted.
    #[must_use]
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        let millis = EventId::from_uuid(self.oldest?).millis();
        DateTime::from_timestamp_millis(millis)
    }
}

/// Counts what is open, up to a bound, and finds the oldest.
///
/// # Errors
/// When the database is away.
pub async fn open(database: &Database, account: AccountId) -> Result<Open, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    Ok(diesel::sql_query(
        "select \
             (select count(*) from (select from delivery where account_id = $1 limit $2) d) \
                 as deliveries, \
             (select o.event_id from subscription s cross join lateral ( \
                 select d.event_id from delivery d \
                 where d.account_id = $1 and d.subscription_id = s.id \
                 order by d.event_id limit 1) o \
              where s.account_id = $1 order by o.event_id limit 1) as oldest, \
             (select count(*) from (select from mail_due \
                 where account_id = $1 and failures > 0 limit $3) m) as mails_retried, \
             (select count(*) from (select from mail \
                 where account_id = $1 and state = 'failed' and id >= (lpad(to_hex((extract(epoch \
                     from now() - interval '1 day') * 1000)::bigint), 12, '0') \
                     || repeat('0', 20))::uuid limit $3) m) as mails_failed, \
             (select count(*) from (select from subscription \
                 where account_id = $1 and deleted_at is null limit $3) s) as webhooks, \
             (select at from notice where account_id = $1 and kind = 'loop' and subject = '' \
                 and at > now() - interval '1 day') as loop_at, \
             (select count(*) from (select from event where account_id = $1 limit 1) e) as events",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<BigInt, _>(VERY_MANY + 1)
    .bind::<BigInt, _>(MANY + 1)
    .one(connection)
    .await?)
}
