//! Reading the event log. It is written by the ingest statement alone.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::partition::lowest_id_at;
use super::schema::event;
use super::{Database, StoreError};
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
}

type Row = (
    Uuid,
    DateTime<Utc>,
    String,
    bool,
    Vec<Option<Uuid>>,
    i32,
    Option<String>,
);

diesel::define_sql_function! {
    /// The length of a value in bytes, which costs no reading of it.
    fn octet_length(bytes: diesel::sql_types::Binary) -> diesel::sql_types::Integer;
}

fn read((id, received_at, event_type, test, targets, size, warnings): Row) -> EventSummary {
    EventSummary {
        id: EventId::from_uuid(id),
        received_at,
        event_type,
        test,
        targets: targets
            .into_iter()
            .flatten()
            .map(SubscriptionId::from_uuid)
            .collect(),
        size,
        warnings,
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
    let mut query = event::table
        .filter(event::account_id.eq(account.uuid()))
        .order(event::id.desc())
        .limit(filter.limit)
        .select((
            event::id,
            event::received_at,
            event::type_,
            event::test,
            event::targets,
            octet_length(event::payload),
            event::warnings,
        ))
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
    let rows: Vec<Row> = query.load(&mut database.get().await?).await?;
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
        .select((
            (
                event::id,
                event::received_at,
                event::type_,
                event::test,
                event::targets,
                octet_length(event::payload),
                event::warnings,
            ),
            event::payload,
        ))
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(|(row, payload)| (read(row), payload)))
}
