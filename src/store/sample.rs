//! What metrics need of the database: open deliveries, webhooks that fail, mails that wait, lanes,
//! the last audit. It reads small tables and what others found, never the logs.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::id::{EventId, SubscriptionId};

/// Open deliveries of one subscription in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenDeliveries {
    /// Whose.
    pub subscription: SubscriptionId,
    /// The state: `queued`, `retrying` or `held`.
    pub state: &'static str,
    /// How many.
    pub number: u64,
    /// The oldest one's event.
    pub oldest: EventId,
}

/// All of it, at one moment.
#[derive(Debug, Clone)]
pub struct Sample {
    /// By subscription, in the order of their ids; a state may come twice.
    pub open: Vec<OpenDeliveries>,
    /// Webhooks that fail.
    pub failing: u64,
    /// Mails that wait, and when the first is due, in milliseconds since 1970.
    pub mails: (u64, Option<i64>),
    /// Open lanes, and those whose lease ran out.
    pub lanes: (u64, u64),
    /// Lost, double, and when that was found, in milliseconds since 1970.
    pub audit: Option<(u64, u64, i64)>,
}

#[derive(QueryableByName)]
struct OpenRow {
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
    #[diesel(sql_type = SmallInt)]
    stage: i16,
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Bool)]
    enabled: bool,
}

#[derive(QueryableByName)]
struct Rest {
    #[diesel(sql_type = BigInt)]
    failing: i64,
    #[diesel(sql_type = BigInt)]
    mails: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    mail_due: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    lanes: i64,
    #[diesel(sql_type = BigInt)]
    expired: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    lost: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    double: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    as_of: Option<DateTime<Utc>>,
}

/// Asks for all of it.
///
/// # Errors
/// When the database is away, or it took over 5 s: an old snapshot would keep rows from being
/// cleaned up.
pub async fn take(database: &Database) -> Result<Sample, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let (open, rest): (Vec<OpenRow>, Rest) = connection
        .transaction(async |connection: &mut Connection| {
            // One core is enough for metrics.
            for setting in [
                "set local statement_timeout = '5s'",
                "set local max_parallel_workers_per_gather = 0",
            ] {
                diesel::sql_query(setting).execute(connection).await?;
            }
            let open = diesel::sql_query(include_str!("sample/open.sql"));
            let open = open.load(connection).await?;
            let rest = diesel::sql_query(include_str!("sample/rest.sql"));
            Ok::<_, StoreError>((open, rest.one(connection).await?))
        })
        .await?;
    Ok(Sample {
        open: open.iter().map(OpenRow::read).collect(),
        failing: count(rest.failing),
        mails: (
            count(rest.mails),
            rest.mail_due.map(|due| due.timestamp_millis()),
        ),
        lanes: (count(rest.lanes), count(rest.expired)),
        audit: rest.as_of.map(|as_of| {
            let of = |number: Option<i64>| count(number.unwrap_or(0));
            (of(rest.lost), of(rest.double), as_of.timestamp_millis())
        }),
    })
}

impl OpenRow {
    fn read(&self) -> OpenDeliveries {
        // See the stages in the migration of the lists.
        let state = match (self.enabled, self.stage) {
            (false, _) | (true, 4..) => "held",
            (true, stage) if stage % 2 == 1 => "retrying",
            (true, _) => "queued",
        };
        OpenDeliveries {
            subscription: SubscriptionId::from_uuid(self.subscription_id),
            state,
            number: count(self.number),
            oldest: EventId::from_uuid(self.event_id),
        }
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
