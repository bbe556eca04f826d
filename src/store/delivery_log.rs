//! Reading deliveries: lists by several indexes, and the attempts of one. It never counts over
//! the logs; a page looks for a bounded time and may end early, with a place from which to go on.

mod candidates;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use self::candidates::{Candidate, Look};
use super::held::BY_MAIL;
use super::schema::attempt;
use super::schema::sql_types::{AttemptOutcome, SubscriptionState as SqlSubscriptionState};
use super::{Connection, Database, StoreError};
use crate::domain::delivery::{DeliveryState, Origin, Outcome};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;

/// After so long a page is returned as it is, with the place from which to go on. A statement that
/// was started before is waited for: each of them looks at a bounded number of rows.
const LONGEST: Duration = Duration::from_millis(40);

/// Which deliveries a list shows.
#[derive(Debug, Clone)]
pub struct DeliveryFilter {
    /// Of this subscription.
    pub subscription: Option<SubscriptionId>,
    /// Of events of this type.
    pub event_type: Option<String>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Of events accepted at or after.
    pub from: Option<DateTime<Utc>>,
    /// Of events accepted before.
    pub to: Option<DateTime<Utc>>,
    /// Behind this one.
    pub after: Option<DeliveryPlace>,
    /// At most so many, at least 1.
    pub limit: usize,
}

/// A place in the list: newest event first, then the greatest subscription.
pub type DeliveryPlace = (EventId, SubscriptionId);

/// One delivery as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of which event.
    pub event: EventId,
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// The event's type.
    pub event_type: String,
    /// The event was made to try out the subscription.
    pub test: bool,
    /// Its state.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// What the receiver answered last.
    pub last_status: Option<i16>,
    /// The recorder's JSON about the last attempt.
    pub last_detail: Option<String>,
    /// When the last attempt ended.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// When it is due; none while it is held.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The script that holds it up; none: if it is held, then by its subscription's state.
    pub held_by: Option<String>,
    /// When the event was accepted.
    pub created_at: DateTime<Utc>,
    last_n: Option<i32>,
}

/// A page of a list.
#[derive(Debug)]
pub struct DeliveryPage {
    /// Newest event first.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins; none: there is nothing more.
    pub next: Option<DeliveryPlace>,
}

/// Deliveries of an account, newest event first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &DeliveryFilter,
) -> Result<DeliveryPage, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let begun = Instant::now();
    let mut look = Look::new(account, filter);
    let mut page: Vec<Delivery> = Vec::new();
    // Most lists fit at once; a search for a needle reads larger and larger pieces.
    let mut piece = filter.limit + 1;
    let next = loop {
        let (candidates, more) = look.next(connection, piece).await?;
        let fitting: Vec<Candidate> = candidates.into_iter().filter(|c| c.fits).collect();
        let deliveries = states(connection, account, &fitting).await?;
        page.extend(
            deliveries
                .into_iter()
                .filter(|delivery| is_wanted(filter, delivery)),
        );
        if page.len() > filter.limit {
            page.truncate(filter.limit);
            break page.last().map(|last| (last.event, last.subscription));
        }
        if !more {
            break None;
        }
        if begun.elapsed() > LONGEST {
            let (event, subscription) = look.place;
            break Some((
                EventId::from_uuid(event),
                SubscriptionId::from_uuid(subscription),
            ));
        }
        piece = (piece * 4).clamp(200, 1_000);
    };
    details(connection, account, &mut page).await?;
    Ok(DeliveryPage {
        deliveries: page,
        next,
    })
}

/// The deliveries of one event for the given subscriptions, in their order.
///
/// # Errors
/// When the database is away.
pub async fn of_event(
    database: &Database,
    account: AccountId,
    event: EventId,
    subscriptions: &[SubscriptionId],
) -> Result<Vec<Delivery>, StoreError> {
    of_event_in(&mut *database.get().await?, account, event, subscriptions).await
}

async fn of_event_in(
    connection: &mut Connection,
    account: AccountId,
    event: EventId,
    subscriptions: &[SubscriptionId],
) -> Result<Vec<Delivery>, StoreError> {
    let wanted: Vec<Candidate> = subscriptions
        .iter()
        .map(|subscription| Candidate {
            event_id: event.uuid(),
            subscription_id: subscription.uuid(),
            fits: true,
        })
        .collect();
    let mut deliveries = states(connection, account, &wanted).await?;
    details(connection, account, &mut deliveries).await?;
    Ok(deliveries)
}

fn is_wanted(filter: &DeliveryFilter, delivery: &Delivery) -> bool {
    filter.state.is_none_or(|state| state == delivery.state)
        && filter
            .subscription
            .is_none_or(|id| id == delivery.subscription)
        && filter
            .event_type
            .as_ref()
            .is_none_or(|name| *name == delivery.event_type)
}

#[derive(diesel::QueryableByName)]
struct StateRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Bool)]
    test: bool,
    #[diesel(sql_type = Timestamptz)]
    received_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    due_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Integer>)]
    failures: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    held_by: Option<String>,
    #[diesel(sql_type = Nullable<SqlSubscriptionState>)]
    subscription_state: Option<SubscriptionState>,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = Nullable<AttemptOutcome>)]
    ended: Option<Outcome>,
    #[diesel(sql_type = Nullable<Integer>)]
    last_n: Option<i32>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    last_status: Option<i16>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_at: Option<DateTime<Utc>>,
}

impl From<StateRow> for Delivery {
    fn from(row: StateRow) -> Self {
        let enabled = row.subscription_state == Some(SubscriptionState::Enabled);
        // It goes on whatever becomes of its subscription, by its mail's own schedule.
        let by_mail = row.held_by.as_deref() == Some(BY_MAIL);
        let delivers = by_mail || enabled && row.held_by.is_none();
        let state = match (row.failures, row.ended) {
            (Some(_), _) if !delivers => DeliveryState::Held,
            (Some(0), _) => DeliveryState::Queued,
            (Some(_), _) => DeliveryState::Retrying,
            (None, Some(Outcome::Sent)) => DeliveryState::Sent,
            (None, Some(Outcome::Failed)) => DeliveryState::Failed,
            (None, Some(Outcome::Filtered)) => DeliveryState::Filtered,
            (None, Some(Outcome::Cancelled)) => DeliveryState::Cancelled,
            // In flight: neither an end nor a row.
            (None, Some(Outcome::Retry | Outcome::Superseded) | None) => DeliveryState::Queued,
        };
        Self {
            event: EventId::from_uuid(row.event_id),
            subscription: SubscriptionId::from_uuid(row.subscription_id),
            event_type: row.event_type,
            test: row.test,
            state,
            attempts: row.attempts,
            last_status: row.last_status,
            last_detail: None,
            last_attempt_at: row.last_at,
            next_attempt_at: row.due_at.filter(|_| delivers && !by_mail),
            held_by: row.held_by.filter(|_| !by_mail),
            created_at: row.received_at,
            last_n: row.last_n,
        }
    }
}

async fn states(
    connection: &mut Connection,
    account: AccountId,
    wanted: &[Candidate],
) -> Result<Vec<Delivery>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (events, subscriptions): (Vec<Uuid>, Vec<Uuid>) = wanted
        .iter()
        .map(|c| (c.event_id, c.subscription_id))
        .unzip();
    let rows: Vec<StateRow> = diesel::sql_query(include_str!("delivery_states.sql"))
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Array<SqlUuid>, _>(events)
        .bind::<Array<SqlUuid>, _>(subscriptions)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

#[derive(diesel::QueryableByName)]
struct DetailRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
}

/// Adds the last attempts' details, which are too large to be read for candidates.
async fn details(
    connection: &mut Connection,
    account: AccountId,
    deliveries: &mut [Delivery],
) -> Result<(), StoreError> {
    let mut events = Vec::new();
    let mut subscriptions = Vec::new();
    let mut tries = Vec::new();
    for delivery in deliveries
        .iter()
        .filter(|delivery| delivery.state != DeliveryState::Sent)
    {
        if let Some(n) = delivery.last_n {
            events.push(delivery.event.uuid());
            subscriptions.push(delivery.subscription.uuid());
            tries.push(n);
        }
    }
    if tries.is_empty() {
        return Ok(());
    }
    let rows: Vec<DetailRow> = diesel::sql_query(
        "select a.event_id, a.subscription_id, a.detail \
         from unnest($2::uuid[], $3::uuid[], $4::int4[]) as c (event_id, subscription_id, n) \
         join attempt a on a.account_id = $1 and a.subscription_id = c.subscription_id \
             and a.event_id = c.event_id and a.n = c.n",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Array<SqlUuid>, _>(events)
    .bind::<Array<SqlUuid>, _>(subscriptions)
    .bind::<Array<Integer>, _>(tries)
    .load(connection)
    .await?;
    let mut found: HashMap<(Uuid, Uuid), Option<String>> = rows
        .into_iter()
        .map(|row| ((row.event_id, row.subscription_id), row.detail))
        .collect();
    for delivery in deliveries {
        let key = (delivery.event.uuid(), delivery.subscription.uuid());
        delivery.last_detail = found.remove(&key).flatten();
    }
    Ok(())
}

/// One attempt as recorded.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = attempt)]
pub struct AttemptRow {
    /// The number of the try.
    pub n: i32,
    /// When it was recorded, right after its end.
    pub at: DateTime<Utc>,
    /// Milliseconds from start to end.
    pub duration_ms: i32,
    /// What it came to.
    pub outcome: Outcome,
    /// What began its round.
    pub origin: Origin,
    /// The HTTP status, if the receiver answered.
    pub status: Option<i16>,
    /// The recorder's JSON: phases, error, response.
    pub detail: Option<String>,
}

/// One delivery and its attempts, the first one first. Both are of one snapshot, so that a
/// state is never shown without the attempts that led to it. None: there is no such event.
///
/// # Errors
/// When the database is away.
pub async fn with_attempts(
    database: &Database,
    account: AccountId,
    event: EventId,
    subscription: SubscriptionId,
) -> Result<Option<(Delivery, Vec<AttemptRow>)>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            connection
                .batch_execute("set transaction isolation level repeatable read, read only")
                .await?;
            let found = of_event_in(connection, account, event, &[subscription]).await?;
            let attempts = attempt::table
                .filter(attempt::account_id.eq(account.uuid()))
                .filter(attempt::subscription_id.eq(subscription.uuid()))
                .filter(attempt::event_id.eq(event.uuid()))
                .order(attempt::n)
                .select(AttemptRow::as_select())
                .load(connection)
                .await?;
            Ok(found
                .into_iter()
                .next()
                .map(|delivery| (delivery, attempts)))
        })
        .await
}
