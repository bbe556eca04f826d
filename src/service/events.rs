//! Events that were accepted: the list, and one with its payload and its deliveries.

use serde_json::value::RawValue;

use super::input::{Moment, Text, lists};
use super::{Context, Refusal, Result, raw_json};
use crate::domain::id::EventId;
use crate::store::StoreError;
use crate::store::delivery_log::{self, Delivery};
use crate::store::event::{self, EventFilter, EventSummary};

/// How many deliveries of an event are shown with it; the list of deliveries has all.
pub const MOST_DELIVERIES: usize = 200;

lists! {
    /// Which events.
    EventQuery {
        /// Of this type.
        event_type: Option<Text<1, 200>>,
        /// Accepted at or after.
        from: Option<Moment>,
        /// Accepted before.
        to: Option<Moment>,
    }
}

/// Events of an account, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    query: EventQuery,
    (before, limit): (Option<EventId>, i64),
) -> Result<Vec<EventSummary>> {
    let filter = EventFilter {
        event_type: query.event_type.map(Text::into_inner),
        from: query.from.map(|from| from.0),
        to: query.to.map(|to| to.0),
        before,
        limit,
    };
    Ok(event::list(cx.database(), cx.account, &filter).await?)
}

/// One event with its payload as it was published, and its first deliveries.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(
    cx: Context<'_>,
    id: EventId,
) -> Result<(EventSummary, Box<RawValue>, Vec<Delivery>)> {
    let found = event::find(cx.database(), cx.account, id).await?;
    let (event, payload) = found.ok_or_else(|| Refusal::not_found("event"))?;
    let shown = event.targets.get(..MOST_DELIVERIES);
    let shown = shown.unwrap_or(&event.targets);
    let deliveries = delivery_log::of_event(cx.database(), cx.account, id, shown).await?;
    let payload = String::from_utf8(payload).ok().and_then(raw_json);
    let unfit = || StoreError::Unfit(format!("the payload of {id} is not JSON"));
    Ok((event, payload.ok_or_else(unfit)?, deliveries))
}
