//! Sending one delivery again because somebody asks for it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::held::BY_MAIL;
use super::made_key::{Kind, Making};
use super::schema::{attempt, delivery, event, mail_due, subscription};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::delivery::{DeliveryState, Origin, Outcome};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;

/// What became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// It is due now; the state is `held` while its subscription is not enabled.
    Due(DeliveryState),
    /// The account has no such delivery.
    Unknown,
    /// The subscription was deleted.
    Deleted,
    /// Its first attempt is under way or waits in memory.
    InFlight,
}

/// The outcomes that end a round.
const ENDS: [Outcome; 4] = [
    Outcome::Sent,
    Outcome::Failed,
    Outcome::Filtered,
    Outcome::Cancelled,
];

/// Makes a delivery due now: its row, if it is open; else a new round. Records who did it.
///
/// # Errors
/// When the database is away.
pub async fn resend(
    database: &Database,
    account: AccountId,
    event_id: EventId,
    subscription_id: SubscriptionId,
    making: Making<'_>,
) -> Result<Resend, StoreError> {
    round(database, account, event_id, subscription_id, Some(making)).await
}

/// Makes one of many deliveries due now, which [`note_many`] noted together.
///
/// # Errors
/// When the database is away.
pub async fn resend_one_of_many(
    database: &Database,
    account: AccountId,
    event_id: EventId,
    subscription_id: SubscriptionId,
) -> Result<Resend, StoreError> {
    round(database, account, event_id, subscription_id, None).await
}

/// Notes that many deliveries are sent again: before it begins, so that nothing is sent again that
/// the log does not have. `chosen`: how many, and by which filters.
///
/// # Errors
/// When the database is away.
pub async fn note_many(
    database: &Database,
    account: AccountId,
    by: &Actor,
    chosen: serde_json::Value,
) -> Result<(), StoreError> {
    let what = OwnActivity::DeliveriesResent;
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            note(connection, Some(account), by, what, None, Some(chosen)).await
        })
        .await
}

async fn round(
    database: &Database,
    account: AccountId,
    event_id: EventId,
    subscription_id: SubscriptionId,
    making: Option<Making<'_>>,
) -> Result<Resend, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let begun = begin_round(
                connection,
                account.uuid(),
                event_id.uuid(),
                subscription_id.uuid(),
            )
            .await?;
            if let (Resend::Due(state), Some(making)) = (begun, making) {
                let (owner, made) = (Some(account), event_id.to_string());
                let bounds = database.bounds();
                making
                    .keep(connection, owner, Kind::Resend, &made, &bounds)
                    .await?;
                let payload = serde_json::json!({
                    "event_id": event_id, "subscription_id": subscription_id, "state": state,
                });
                let (what, subject) = (OwnActivity::DeliveryResent, event_id.to_string());
                note(connection, owner, making.by, what, subject, Some(payload)).await?;
            }
            Ok(begun)
        })
        .await
}

async fn begin_round(
    connection: &mut Connection,
    account: Uuid,
    event_id: Uuid,
    subscription_id: Uuid,
) -> Result<Resend, StoreError> {
    let stored: Option<(Vec<Option<Uuid>>, bool)> = event::table
        .find((account, event_id))
        .select((event::targets, event::test))
        .first(connection)
        .await
        .optional()?;
    let known: Option<(SubscriptionState, Option<DateTime<Utc>>)> = subscription::table
        .find(subscription_id)
        .filter(subscription::account_id.eq(account))
        .select((subscription::state, subscription::deleted_at))
        .for_share()
        .first(connection)
        .await
        .optional()?;
    let (Some((targets, test)), Some((state, deleted_at))) = (stored, known) else {
        return Ok(Resend::Unknown);
    };
    // What its mail carries becomes due with the mail, and its row stays held by it.
    let mailed: Option<i32> = delivery::table
        .find((account, subscription_id, event_id))
        .filter(delivery::held_by.eq(BY_MAIL))
        .select(delivery::failures)
        .first(connection)
        .await
        .optional()?;
    if let Some(failures) = mailed {
        diesel::update(mail_due::table)
            .filter(mail_due::subscription_id.eq(subscription_id))
            .filter(mail_due::event_id.eq(event_id))
            .filter(mail_due::claim_lane.is_null())
            .set(mail_due::due_at.eq(diesel::dsl::now))
            .execute(connection)
            .await?;
        return Ok(Resend::Due(match failures {
            0 => DeliveryState::Queued,
            _ => DeliveryState::Retrying,
        }));
    }
    let pushed = diesel::update(delivery::table.find((account, subscription_id, event_id)))
        .set((
            delivery::due_at.eq(diesel::dsl::now),
            delivery::held_by.eq(None::<String>),
        ))
        .returning(delivery::failures)
        .one::<i32>(connection)
        .await
        .optional()?;
    let tries: Vec<(i32, Outcome)> = attempt::table
        .filter(attempt::account_id.eq(account))
        .filter(attempt::subscription_id.eq(subscription_id))
        .filter(attempt::event_id.eq(event_id))
        .order(attempt::n.desc())
        .select((attempt::n, attempt::outcome))
        .load(connection)
        .await?;
    if pushed.is_none() && tries.is_empty() && !targets.contains(&Some(subscription_id)) {
        return Ok(Resend::Unknown);
    }
    if deleted_at.is_some() {
        return Ok(Resend::Deleted);
    }
    let waits = |failures: i32| match (state, failures) {
        (SubscriptionState::Enabled, 0) => DeliveryState::Queued,
        (SubscriptionState::Enabled, _) => DeliveryState::Retrying,
        _ => DeliveryState::Held,
    };
    if let Some(failures) = pushed {
        return Ok(Resend::Due(waits(failures)));
    }
    if !tries.iter().any(|(_, outcome)| ENDS.contains(outcome)) {
        return Ok(Resend::InFlight);
    }
    let last = tries.as_slice().first().map_or(0, |(n, _)| *n);
    // Two requests at once begin one round.
    diesel::insert_into(delivery::table)
        .values((
            delivery::account_id.eq(account),
            delivery::subscription_id.eq(subscription_id),
            delivery::event_id.eq(event_id),
            delivery::due_at.eq(diesel::dsl::now),
            delivery::n.eq(last),
            delivery::base.eq(last),
            delivery::failures.eq(0),
            // A test stays one, marked for its receiver, however often it is sent.
            delivery::origin.eq(if test { Origin::Test } else { Origin::Resend }),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(Resend::Due(waits(0)))
}
