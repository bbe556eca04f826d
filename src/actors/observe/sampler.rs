//! Sampler: asks the database in the background for what only it knows, so that readers of
//! the metrics never wait for it, however many there are.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::metrics::{DatabaseView, Metrics};
use crate::store::clock::uptime;
use crate::store::sample::{self, OpenDeliveries, Sample};
use crate::store::{Database, StoreError};

/// When first: the start has other questions to the database.
const FIRST: Duration = Duration::from_secs(1);
/// How often.
const EVERY: Duration = Duration::from_secs(10);
/// Asking may take so small a part of the time: with millions of open deliveries it comes less
/// often.
const SHARE: u32 = 50;
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// Time to ask.
#[derive(Message)]
#[rtype(result = "()")]
struct SampleTick;

pub(crate) struct Sampler {
    pub(crate) database: Database,
    pub(crate) metrics: Arc<Metrics>,
    /// So many subscriptions have numbers of their own.
    pub(crate) most: usize,
}

impl Actor for Sampler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.notify_later(SampleTick, FIRST);
    }
}

impl Handler<SampleTick> for Sampler {
    type Result = ();

    fn handle(&mut self, _: SampleTick, ctx: &mut Self::Context) {
        let (database, metrics, most) =
            (self.database.clone(), Arc::clone(&self.metrics), self.most);
        // On the thread: within the actor's context it would be polled at each message.
        let ask = actix::spawn(async move {
            let begun = uptime();
            let sampled = sample::take(&database).await;
            let took = uptime().saturating_sub(begun);
            let kept = sampled.map(|sample| metrics.keep(view(&sample, most, begun, took)));
            (kept, took)
        });
        let ask = actix::fut::wrap_future::<_, Self>(ask);
        ctx.spawn(ask.map(|asked, _, ctx| {
            let mut wait = EVERY;
            if let Ok((kept, took)) = asked {
                note(kept);
                wait = wait.max(took.saturating_mul(SHARE)).min(LONGEST);
            }
            ctx.notify_later(SampleTick, wait);
        }));
    }
}

/// The age of the last sample shows how long this goes on, so a line for each is enough.
fn note(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::debug!(%error, "the database could not be sampled; trying again");
    }
}

fn view(sample: &Sample, most: usize, at: Duration, took: Duration) -> DatabaseView {
    let states = ["queued", "retrying", "held"].map(|state| {
        let of: Vec<&OpenDeliveries> = sample.open.iter().filter(|it| it.state == state).collect();
        let oldest = of.iter().map(|open| open.oldest.millis()).min();
        (state, of.iter().map(|open| open.number).sum(), oldest)
    });
    let mut open_of: Vec<(u64, _)> = Vec::new();
    // They come ordered by subscription.
    for open in &sample.open {
        match open_of.last_mut() {
            Some((number, id)) if *id == open.subscription => *number += open.number,
            _ => open_of.push((open.number, open.subscription)),
        }
    }
    open_of.sort_unstable_by(|a, b| b.cmp(a));
    let others = open_of.iter().skip(most).map(|(number, _)| number).sum();
    open_of.truncate(most);
    DatabaseView {
        at,
        took,
        open: states.to_vec(),
        open_of: (open_of.into_iter())
            .map(|(number, id)| (id, number))
            .collect(),
        open_of_others: others,
        failing: sample.failing,
        mails: sample.mails,
        lanes: sample.lanes,
        audit: sample.audit,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{EventId, SubscriptionId};

    #[test]
    fn the_states_and_the_largest_backlogs_are_counted_separately() {
        let open = |subscription: u128, state, number, millis: u128| OpenDeliveries {
            subscription: SubscriptionId::from_uuid(Uuid::from_u128(subscription)),
            state,
            number,
            oldest: EventId::from_uuid(Uuid::from_u128(millis << 80)),
        };
        let sample = Sample {
            open: vec![
                open(1, "queued", 5, 50),
                open(1, "retrying", 6, 20),
                open(2, "queued", 10, 40),
                open(3, "queued", 1, 90),
            ],
            failing: 2,
            mails: (0, None),
            lanes: (1, 0),
            audit: None,
        };
        let view = view(&sample, 1, Duration::ZERO, Duration::ZERO);
        assert_eq!(
            view.open,
            [
                ("queued", 16, Some(40)),
                ("retrying", 6, Some(20)),
                ("held", 0, None)
            ]
        );
        let first = SubscriptionId::from_uuid(Uuid::from_u128(1));
        assert_eq!((view.open_of, view.open_of_others), (vec![(first, 11)], 11));
    }
}
