//! ActivityLog: gathers what the host application records, commits it in batches, and replies after
//! the commit. Herald's own activities do not come this way: they are appended within the
//! transaction of what they record.
//!
//! Group commit as in Intake, without a lane: nothing is derived from an activity, so one whose
//! commit has an unknown outcome is reported as such and needs no recovery.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{Semaphore, oneshot};

use crate::actors::observe::metrics::{Metrics, Statement};
use crate::domain::activity::NewActivity;
use crate::domain::id::{AccountId, ActivityId};
use crate::store::activity::append_batch;
use crate::store::clock::uptime;
use crate::store::{Connection, Database, StoreError};

/// Activities of one statement, at most (beyond its first request).
const BATCH: usize = 1_024;
/// Bytes of one statement, at most (beyond its first request).
const BATCH_BYTES: usize = 4 << 20;
/// Bytes that may wait for their commit, in units of [`UNIT`]; whoever records more waits.
const WAITING: u32 = 32_768;
const UNIT: usize = 1_024;
/// How long a commit may take before its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why nothing of a request is known to be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database is away, or it is not known whether the commit happened.
    #[error("the database is away")]
    Away,
    /// The database refused it: nothing of it was recorded.
    #[error(transparent)]
    Refused(#[from] StoreError),
}

type RecordResult = Result<Vec<ActivityId>, RecordError>;

/// Activities to be committed together. Sent by [`ActivityRecorder::record`] for each request;
/// `reply` gets the result after the commit. If it is lost, the application gets 503.
#[derive(Message)]
#[rtype(result = "()")]
struct RecordActivities {
    account: AccountId,
    activities: Vec<NewActivity>,
    reply: oneshot::Sender<RecordResult>,
}

impl RecordActivities {
    fn bytes(&self) -> usize {
        bytes(&self.activities)
    }
}

fn bytes(activities: &[NewActivity]) -> usize {
    let payload = |one: &NewActivity| one.payload.as_ref().map_or(0, String::len);
    activities.iter().map(|one| 512 + payload(one)).sum()
}

/// The way to the actor. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ActivityRecorder {
    actor: Addr<ActivityLog>,
    waiting: Arc<Semaphore>,
}

impl ActivityRecorder {
    /// Starts the actor on this thread.
    pub(crate) fn start(database: Database, metrics: Arc<Metrics>) -> Self {
        let actor = ActivityLog {
            database,
            metrics,
            connection: None,
            waiting: VecDeque::new(),
            committing: false,
        };
        Self {
            actor: actor.start(),
            waiting: Arc::new(Semaphore::new(WAITING as usize)),
        }
    }

    /// Records activities; returns their ids in their order after the commit.
    pub(crate) async fn record(
        &self,
        account: AccountId,
        activities: Vec<NewActivity>,
    ) -> RecordResult {
        let share = u32::try_from(bytes(&activities) / UNIT + 1).unwrap_or(WAITING);
        // Held until the answer: so much may wait, and no more, whoever sends it.
        let _share = self
            .waiting
            .acquire_many(share.min(WAITING))
            .await
            .map_err(|_closed| RecordError::Away)?;
        let (reply, result) = oneshot::channel();
        let message = RecordActivities {
            account,
            activities,
            reply,
        };
        // A full mailbox slows the application down: that is what it is for.
        self.actor
            .send(message)
            .await
            .map_err(|_gone| RecordError::Away)?;
        result.await.map_err(|_gone| RecordError::Away)?
    }
}

struct ActivityLog {
    database: Database,
    metrics: Arc<Metrics>,
    /// Lent to the commit under way; none: not made yet, or it broke.
    connection: Option<Box<Connection>>,
    waiting: VecDeque<RecordActivities>,
    committing: bool,
}

impl Actor for ActivityLog {
    type Context = Context<Self>;
}

impl Handler<RecordActivities> for ActivityLog {
    type Result = ();

    fn handle(&mut self, request: RecordActivities, ctx: &mut Self::Context) {
        self.waiting.push_back(request);
        self.commit_next(ctx);
    }
}

impl ActivityLog {
    fn commit_next(&mut self, ctx: &mut Context<Self>) {
        if self.committing || self.waiting.is_empty() {
            return;
        }
        self.committing = true;
        let requests = take_batch(&mut self.waiting);
        let (database, connection) = (self.database.clone(), self.connection.take());
        let metrics = Arc::clone(&self.metrics);
        // On the thread: within the actor's context it would be polled at each message.
        let commit =
            actix::spawn(async move { commit(&database, &metrics, connection, requests).await });
        let done = actix::fut::wrap_future::<_, Self>(commit);
        ctx.spawn(done.map(|connection, actor, ctx| {
            actor.committing = false;
            // If it panicked, its requests lost their replies: their outcome counts as unknown.
            actor.connection = connection.ok().flatten();
            actor.commit_next(ctx);
        }));
    }
}

fn take_batch(waiting: &mut VecDeque<RecordActivities>) -> Vec<RecordActivities> {
    let (mut activities, mut bytes, mut requests) = (0, 0, 0);
    for request in waiting.iter() {
        activities += request.activities.len();
        bytes += request.bytes();
        if requests > 0 && (activities > BATCH || bytes > BATCH_BYTES) {
            break;
        }
        requests += 1;
    }
    waiting.drain(..requests).collect()
}

/// Commits a batch and answers its requests. Gives the connection back if it is still good.
async fn commit(
    database: &Database,
    metrics: &Metrics,
    connection: Option<Box<Connection>>,
    requests: Vec<RecordActivities>,
) -> Option<Box<Connection>> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => match tokio::time::timeout(PATIENCE, database.dedicated()).await {
            Ok(Ok(connection)) => Box::new(connection),
            _ => {
                answer_away(requests);
                return None;
            }
        },
    };
    match store(&mut connection, &metrics.activity, &requests).await {
        Ok(ids) => {
            answer(requests, ids);
            Some(connection)
        }
        Err(error) if error.is_away() => {
            tracing::warn!(%error, "a batch of activities has an unknown outcome");
            answer_away(requests);
            None
        }
        // Nothing of it was stored. What fits may not suffer from what does not.
        Err(_) => {
            let mut requests = requests.into_iter();
            while let Some(request) = requests.next() {
                let one = [request];
                let result = store(&mut connection, &metrics.activity, &one).await;
                let [request] = one;
                let away = result.as_ref().is_err_and(StoreError::is_away);
                let result = match result {
                    Err(error) if !error.is_away() => Err(RecordError::Refused(error)),
                    other => other.map_err(|_away| RecordError::Away),
                };
                let _ = request.reply.send(result);
                if away {
                    answer_away(requests.collect());
                    return None;
                }
            }
            Some(connection)
        }
    }
}

async fn store(
    connection: &mut Connection,
    metrics: &Statement,
    requests: &[RecordActivities],
) -> Result<Vec<ActivityId>, StoreError> {
    let batch: Vec<(AccountId, &NewActivity)> = requests
        .iter()
        .flat_map(|request| request.activities.iter().map(|one| (request.account, one)))
        .collect();
    let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
    let begun = uptime();
    let stored = match tokio::time::timeout(PATIENCE, append_batch(connection, &batch)).await {
        Ok(stored) => stored,
        Err(_elapsed) => Err(StoreError::Away("a commit took over 15 s".to_owned())),
    };
    if stored.is_ok() {
        metrics.rows.observe(rows);
        metrics.took.took(uptime().saturating_sub(begun));
    } else {
        metrics.failed.add(1);
    }
    stored
}

fn answer(requests: Vec<RecordActivities>, ids: Vec<ActivityId>) {
    let mut ids = ids.into_iter();
    for request in requests {
        let own = ids.by_ref().take(request.activities.len()).collect();
        // Whoever asked may have gone away.
        let _ = request.reply.send(Ok(own));
    }
}

fn answer_away(requests: Vec<RecordActivities>) {
    for request in requests {
        let _ = request.reply.send(Err(RecordError::Away));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity::{Actor as By, OwnActivity};
    use crate::domain::id::MAIN_ACCOUNT;

    #[test]
    fn a_batch_is_bounded_but_for_its_first_request() {
        let request = |number: usize| RecordActivities {
            account: MAIN_ACCOUNT,
            activities: vec![
                NewActivity::own(OwnActivity::TestSent, &By::Herald, None, None);
                number
            ],
            reply: oneshot::channel().0,
        };
        let mut waiting: VecDeque<_> = [3_000, 1_000, 24, 1].map(request).into();
        let mut taken = || -> Vec<usize> {
            let batch = take_batch(&mut waiting);
            batch.iter().map(|it| it.activities.len()).collect()
        };
        assert_eq!(taken(), [3_000]);
        assert_eq!(taken(), [1_000, 24]);
        assert_eq!(taken(), [1]);
    }
}
