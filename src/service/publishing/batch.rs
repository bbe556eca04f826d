//! Publishing many events at once. A bad one hurts no other.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{judged, prepare};
use crate::actors::RoutingTable;
use crate::domain::event::MAX_EVENT_BYTES;
use crate::domain::event_type::Suggestions;
use crate::domain::hops::Hops;
use crate::domain::id::EventId;
use crate::service::{Context, Fault, Reason, Refusal, RefusedLine, Result, raw_json};

/// After so many events the thread's other work gets a turn.
const YIELD_EVERY: usize = 50;

/// What became of a batch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BatchPublished {
    /// How many lines are committed, duplicates included.
    pub accepted: usize,
    /// The lines that were not.
    pub rejected: Vec<RefusedLine>,
    /// The ids of the committed lines, in their order.
    pub ids: Vec<EventId>,
    /// The numbers of the committed lines that an earlier request had stored under the same key:
    /// nothing new came of them, and their ids are those of then.
    pub duplicates: Vec<usize>,
    /// The committed lines that do not fit their schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<LineWarnings>,
}

/// A committed line that does not fit its schema.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineWarnings {
    /// Its number, from 1.
    pub line: usize,
    /// Where it does not fit.
    #[schema(value_type = Vec<Fault>)]
    pub warnings: Box<RawValue>,
}

/// Publishes events, each with the number of its line; returns after the commit. The key of line L
/// is `<key>/L`.
///
/// # Errors
/// The database is away.
pub async fn publish_lines(
    cx: Context<'_>,
    lines: &[(usize, &[u8])],
    key: Option<&str>,
    hops: Option<Hops>,
) -> Result<BatchPublished> {
    let (engine, account) = (cx.engine, cx.account);
    let mut batch = BatchPublished::default();
    let (mut prepared, mut prepared_lines) = (Vec::new(), Vec::new());
    let mut hints = Suggestions::default();
    let mut types = engine.types();
    let mut looked = false;
    for (place, (line, bytes)) in lines.iter().enumerate() {
        if place % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
        let key = || key.map(|key| format!("{key}/{line}"));
        let mut prepare =
            |types: &RoutingTable| prepare(types, account, bytes, key(), hops.clone(), &mut hints);
        let mut one = sized(bytes).and_then(|()| prepare(&types));
        let is_invalid = |refused: &Refusal| refused.reason == Reason::Invalid;
        if !looked && one.as_ref().is_err_and(is_invalid) {
            looked = true;
            if let Some(newer) = engine.newer_types(&types).await {
                types = newer;
                one = prepare(&types);
            }
        }
        match one {
            Ok(one) => {
                prepared.push(one);
                prepared_lines.push(*line);
            }
            Err(refusal) => batch.rejected.push(RefusedLine::of(*line, refusal)),
        }
    }
    drop(types);
    let (mut events, mut accepted) = (Vec::new(), Vec::new());
    let judged = judged(engine, account, prepared).await;
    for (event, line) in judged.into_iter().zip(prepared_lines) {
        match event {
            Ok(event) => {
                accepted.push((line, event.warnings.clone()));
                events.push(event);
            }
            Err(refusal) => batch.rejected.push(RefusedLine::of(line, refusal)),
        }
    }
    let mut receipts = Vec::new();
    if !events.is_empty() {
        receipts = engine.publish(events).await?;
    }
    for (receipt, (line, mark)) in receipts.into_iter().zip(accepted) {
        match receipt {
            Ok(receipt) => {
                batch.ids.push(receipt.id);
                batch.duplicates.extend(receipt.duplicate.then_some(line));
                let mark = mark.and_then(raw_json);
                let mark = mark.map(|warnings| LineWarnings { line, warnings });
                batch.warnings.extend(mark);
            }
            Err(reused) => {
                let refusal = Refusal::new(Reason::Invalid, reused.to_string());
                batch.rejected.push(RefusedLine::of(line, refusal));
            }
        }
    }
    batch.rejected.sort_by_key(|one| one.line);
    batch.accepted = batch.ids.len();
    Ok(batch)
}

fn sized(line: &[u8]) -> Result<()> {
    if line.len() <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let detail = "An event may have at most 1 MiB.";
    Err(Refusal::new(Reason::TooLarge, detail))
}
