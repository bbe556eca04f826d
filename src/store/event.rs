//! Reading the event log. It is written by the ingest statement alone.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::partition::lowest_id_at;
use super::schema::event;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, EventId, SubscriptionId};

/// An event without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Its id.
    pub id: EventId,
    /// When it was accepted.
    pub received_at: DateTime<Utc>,
    /// The name of its type.
    pub event_type: String,
    /// Made to try out a subscription.
    pub test: bool,
    /// The subscriptions that matched.
    pub targets: Vec<SubscriptionId>,
    /// Length of the payload in bytes.
    pub size: i32,
    /// Where the payload does not fit its schema: a JSON array of `{pointer, detail}`.
    pub warnings: Option<String>,
    /// The databases that it came through, as the header has them.
    pub hops: Option<String>,
}

diesel::define_sql_function! {
    /// The length of a value in bytes, without reading the value.
    fn octet_length(bytes: diesel::sql_types::Binary) -> diesel::sql_types::Integer;
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = event, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Uuid,
    received_at: DateTime<Utc>,
    #[diesel(column_name = type_)]
    event_type: String,
    test: bool,
    targets: Vec<Option<Uuid>>,
    #[diesel(select_expression = octet_length(event::payload))]
    #[diesel(select_expression_type = octet_length<event::payload>)]
    size: i32,
    warnings: Option<String>,
    hops: Option<String>,
}

fn read(row: Row) -> EventSummary {
    let targets = row.targets.into_iter().flatten();
    EventSummary {
        id: EventId::from_uuid(row.id),
        received_at: row.received_at,
        event_type: row.event_type,
        test: row.test,
        targets: targets.map(SubscriptionId::from_uuid).collect(),
        size: row.size,
        warnings: row.warnings,
        hops: row.hops,
    }
}

/// Which events a list shows.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this type.
    pub event_type: Option<String>,
    /// Accepted at or after.
    pub from: Option<DateTime<Utc>>,
    /// Accepted before.
    pub to: Option<DateTime<Utc>>,
    /// Older than this one.
    pub before: Option<EventId>,
    /// At most so many.
    pub limit: i64,
}

/// Events of an account, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &EventFilter,
) -> Result<Vec<EventSummary>, StoreError> {
    let mut connection = database.get().await?;
    if filter.event_type.is_none() {
        return part(&mut connection, account, filter, "true").await;
    }
    // Events that go to nobody have an index of their own, so that those that go to somebody are
    // found quickly among any number of them.
    let mut events = part(&mut connection, account, filter, "targets <> '{}'").await?;
    events.extend(part(&mut connection, account, filter, "targets = '{}'").await?);
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    events.truncate(usize::try_from(filter.limit).unwrap_or(0));
    Ok(events)
}

/// The events that pass a filter and meet a condition.
async fn part(
    connection: &mut Connection,
    account: AccountId,
    filter: &EventFilter,
    condition: &'static str,
) -> Result<Vec<EventSummary>, StoreError> {
    let mut query = event::table
        .filter(event::account_id.eq(account.uuid()))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(condition))
        .order(event::id.desc())
        .limit(filter.limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(event_type) = &filter.event_type {
        query = query.filter(event::type_.eq(event_type));
    }
    if let Some(from) = filter.from {
        query = query.filter(event::id.ge(lowest_id_at(from)));
    }
    let to = filter.to.map(lowest_id_at);
    let before = filter.before.map(EventId::uuid);
    if let Some(end) = to.into_iter().chain(before).min() {
        query = query.filter(event::id.lt(end));
    }
    let rows: Vec<Row> = query.load(connection).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// One event of an account, with its payload as published.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    id: EventId,
) -> Result<Option<(EventSummary, Vec<u8>)>, StoreError> {
    let row: Option<(Row, Vec<u8>)> = event::table
        .find((account.uuid(), id.uuid()))
        .select((Row::as_select(), event::payload))
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(|(row, payload)| (read(row), payload)))
}
