//! KeyKeeper: follows the key file, reports to the other daemons which keys this one has, seals
//! what is not sealed yet, and holds subscriptions whose values do not open.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::actors::intake::lane::OpenLane;
use crate::actors::routing::Routing;
use crate::config::KeyFile;
use crate::domain::id::SubscriptionId;
use crate::domain::seal::{Fingerprint, KeyRing, OpenError};
use crate::store::lane::LaneId;
use crate::store::seal::{self, Sealing};
use crate::store::{Database, StoreError, routing};

/// How often it looks: a changed key file is noticed within two of these.
const LOOK: Duration = Duration::from_secs(1);
/// Batches that are sealed in one turn, so that the file is looked at in between.
const BATCHES: usize = 20;

/// Time to look.
#[derive(Message)]
#[rtype(result = "()")]
struct KeyTick;

pub(crate) struct KeyKeeper {
    /// Away while a turn runs.
    work: Option<Box<Work>>,
}

/// What a turn needs and remembers.
struct Work {
    database: Database,
    routing: Arc<Routing>,
    open_lane: OpenLane,
    file: KeyFile,
    /// What was reported to the others last.
    reported: Option<(LaneId, Vec<Fingerprint>)>,
    /// The last thing that was wrong with the file, so that each is logged once.
    fault: Option<String>,
    /// Values that do not open and were logged.
    locked: HashSet<(SubscriptionId, OpenError)>,
    waits: bool,
}

impl KeyKeeper {
    pub(crate) fn new(
        database: Database,
        routing: Arc<Routing>,
        open_lane: OpenLane,
        file: KeyFile,
    ) -> Self {
        Self {
            work: Some(Box::new(Work {
                database,
                routing,
                open_lane,
                file,
                reported: None,
                fault: None,
                locked: HashSet::new(),
                waits: false,
            })),
        }
    }
}

impl Actor for KeyKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK, |_, ctx| ctx.notify(KeyTick));
        ctx.notify(KeyTick);
    }
}

impl Handler<KeyTick> for KeyKeeper {
    type Result = ();

    fn handle(&mut self, _: KeyTick, ctx: &mut Self::Context) {
        let Some(mut work) = self.work.take() else {
            return;
        };
        let turn = actix::fut::wrap_future::<_, Self>(async move {
            if let Err(error) = work.turn().await {
                tracing::warn!(%error, "the sealing of secrets could not be looked after; trying again");
            }
            work
        });
        ctx.spawn(turn.map(|work, actor, _| actor.work = Some(work)));
    }
}

impl Work {
    async fn turn(&mut self) -> Result<(), StoreError> {
        if self.follow_file().await? {
            // What did not open may open now.
            self.locked.clear();
            self.routing.reread().await?;
        }
        self.report_keys().await?;
        self.seal().await?;
        self.hold_damaged().await
    }

    /// Reads the key file. True: there are other keys now.
    async fn follow_file(&mut self) -> Result<bool, StoreError> {
        let file = self.file.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let ring = match read {
            Ok(Ok(Some(ring))) => ring,
            Ok(Ok(None)) => {
                let path = self.file.path().display();
                self.fault(format!("the key file {path} is gone: put its copy back"));
                return Ok(false);
            }
            Ok(Err(error)) => {
                self.fault(error.to_string());
                return Ok(false);
            }
            Err(_stopped) => return Ok(false),
        };
        let now = self.database.keys();
        if fingerprints(&ring) == fingerprints(&now) {
            self.fault = None;
            return Ok(false);
        }
        let known = seal::known(&self.database).await?;
        let ring = match seal::lacking(&ring, &known) {
            None => {
                self.fault = None;
                ring
            }
            Some(key) => {
                self.fault(key.missing_from(self.file.path()));
                joined(&ring, &now, &known)
            }
        };
        if fingerprints(&ring) == fingerprints(&now) {
            return Ok(false);
        }
        tracing::info!(
            keys = ring.keys().len(),
            "the key file was changed: its keys are known now"
        );
        self.database.set_keys(ring);
        Ok(true)
    }

    fn fault(&mut self, text: String) {
        if self.fault.as_ref() != Some(&text) {
            tracing::error!(
                fault = text,
                "the key file cannot be used; the keys that were read before stay in use"
            );
            self.fault = Some(text);
        }
    }

    async fn report_keys(&mut self) -> Result<(), StoreError> {
        let lane = self.open_lane.get();
        let Some(lane) = lane else { return Ok(()) };
        let ring = self.database.keys();
        let now = (lane.id, fingerprints(&ring));
        if self.reported.as_ref() != Some(&now) {
            seal::show_keys(&self.database, lane.id, &ring).await?;
            self.reported = Some(now);
        }
        Ok(())
    }

    async fn seal(&mut self) -> Result<(), StoreError> {
        match seal::begin(&self.database).await? {
            Sealing::Waits => {
                if !std::mem::replace(&mut self.waits, true) {
                    tracing::info!(
                        "secrets stay in plain while a daemon of an older version is connected"
                    );
                }
                return Ok(());
            }
            Sealing::Since(false) => {}
            Sealing::Since(true) => tracing::info!("secrets are sealed from now on"),
        }
        let mut sealed = 0;
        for _ in 0..BATCHES {
            let some = seal::seal_some(&self.database).await?;
            sealed += some;
            if some == 0 {
                break;
            }
        }
        if sealed > 0 {
            tracing::info!(values = sealed, "sealed what was in plain");
        }
        Ok(())
    }

    /// Logs subscriptions whose values do not open: nothing is sent for them. One that is damaged
    /// is paused, so that people see it; a key that is missing may come back.
    async fn hold_damaged(&mut self) -> Result<(), StoreError> {
        let table = self.routing.current();
        let locked = table
            .routes()
            .filter_map(|route| Some((route.id, route.locked?)));
        for (id, cause) in locked {
            if !self.locked.insert((id, cause)) {
                continue;
            }
            tracing::error!(
                subscription = %id, %cause,
                "a secret, a header or the URL cannot be opened: its deliveries are held, nothing is sent unsigned"
            );
            if cause == OpenError::Damaged {
                routing::hold(&self.database, id, DAMAGED).await?;
            }
        }
        Ok(())
    }
}

/// What people read at a subscription that is paused for it.
const DAMAGED: &str = "A secret, a header or the URL of it was damaged in the database, so that \
     nothing can be sent. Rotate its secret without an overlap (and tell the receiver), set its \
     headers and its URL again, then resume it.";

fn fingerprints(ring: &KeyRing) -> Vec<Fingerprint> {
    ring.keys().iter().map(|key| key.fingerprint()).collect()
}

/// The keys of the file, but those in use that it lacks stay as they were.
fn joined(file: &KeyRing, now: &KeyRing, known: &[seal::KnownSealKey]) -> KeyRing {
    let lacks = |id, fingerprint| {
        let known = known.iter().find(|key| key.id == id);
        known.is_some_and(|key| key.fingerprint != fingerprint)
    };
    let of_file = file.keys().iter();
    let of_file = of_file.filter(|key| !lacks(key.id(), key.fingerprint()));
    let kept = now.keys().iter().filter(|key| {
        let in_use = known.iter().any(|it| it.id == key.id());
        in_use && !file.holds(key.id(), key.fingerprint())
    });
    KeyRing::new(kept.chain(of_file).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::seal::{SealKey, SealKeyId};

    fn key(number: u8, byte: u8) -> SealKey {
        SealKey::new(SealKeyId::new(number).unwrap(), [byte; 32])
    }

    #[test]
    fn a_file_that_lacks_keys_in_use_takes_none_of_them_away() {
        let known: Vec<_> = [key(1, 1), key(2, 2)]
            .iter()
            .map(|key| seal::KnownSealKey {
                id: key.id(),
                fingerprint: key.fingerprint(),
                place: String::new(),
            })
            .collect();
        let now = KeyRing::new(vec![key(1, 1), key(2, 2), key(4, 4)]);
        // Key 1 is gone, key 2 is another one, key 3 is new; key 4 was never in use.
        let file = KeyRing::new(vec![key(2, 9), key(3, 3)]);
        let ring = joined(&file, &now, &known);
        let expected = [key(1, 1), key(2, 2), key(3, 3)].map(|key| key.fingerprint());
        assert_eq!(fingerprints(&ring), expected);
    }
}
