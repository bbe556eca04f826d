//! MailLog: claims due mails, has them sent, and records what came of each.
//!
//! It works on a thread of its own, so that nothing of a mail server (its handshakes, its
//! silence) reaches the deliveries. What it holds in memory is what is being sent: as many mails
//! as there are connections, however many wait in the queue.

mod breaker;
mod outcome;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use rand::Rng;
use tokio::sync::Notify;

use self::breaker::Breaker;
use self::outcome::{EndedTry, send};
use crate::actors::intake::lane::OpenLane;
use crate::actors::observe::metrics::{MailMetrics, Metrics};
use crate::actors::tell::tell;
use crate::config::Live;
use crate::domain::id::MailId;
use crate::domain::mail::{Mailbox, TryOutcome};
use crate::mail::{MailSender, MailSettings};
use crate::store::lane::LaneId;
use crate::store::mail::{ClaimedMail, MailTry, claim, record};
use crate::store::outgoing;
use crate::store::{Connection, Database, StoreError};

/// How often due mails are looked for, beside when somebody says that there are some.
const TICK: Duration = Duration::from_secs(1);
/// How long a claim holds beyond the deadline of a try: to begin it, and to record it.
const MARGIN: Duration = Duration::from_secs(30);
/// How long one turn at the database may take before its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(15);

/// There may be due mails. Sent by [`Mails::wake`]; if it is lost, the next tick finds them.
#[derive(Message)]
#[rtype(result = "()")]
struct MailsDue;

/// Send by another way. Sent when the settings are read again; if it is lost, so is the daemon.
#[derive(Message)]
#[rtype(result = "()")]
struct AnotherWay(MailSettings);

/// Send nothing more; returns when all that is under way is recorded. Sent once, at the stop.
#[derive(Message)]
#[rtype(result = "()")]
struct StopMails;

/// The way to the actor. Cheap to clone.
#[derive(Clone)]
pub struct Mails {
    actor: Addr<MailLog>,
    from: Arc<Live<Mailbox>>,
}

impl Mails {
    /// Starts the actor on a thread of its own.
    pub(crate) fn start(
        database: Database,
        open_lane: OpenLane,
        metrics: Arc<Metrics>,
        settings: MailSettings,
    ) -> Self {
        outgoing::send_as(settings.from().clone(), settings.has_server());
        let from = Arc::new(Live::new(settings.from().clone()));
        let actor = MailLog::start_in_arbiter(&Arbiter::new().handle(), move |_| MailLog {
            database,
            open_lane,
            metrics,
            most: settings.connections(),
            hold: settings.timeout() + MARGIN,
            sender: Arc::new(MailSender::new(settings)),
            breaker: Breaker::default(),
            connection: None,
            at_database: false,
            more_due: false,
            sending: HashSet::new(),
            ended: Vec::new(),
            stopping: false,
            idle: Arc::new(Notify::new()),
        });
        Self { actor, from }
    }

    /// Reports that mails were queued, after their commit. A hint: they would be found within a
    /// second.
    pub fn wake(&self) {
        let _ = self.actor.try_send(MailsDue);
    }

    /// The sender of Herald's own mails.
    #[must_use]
    pub fn from(&self) -> Arc<Mailbox> {
        self.from.get()
    }

    /// Sends by another way from now on. What is being sent ends by the old one.
    pub(crate) fn tune(&self, settings: MailSettings) {
        outgoing::send_as(settings.from().clone(), settings.has_server());
        self.from.set(settings.from().clone());
        tell(&self.actor, AnotherWay(settings));
    }

    /// Sends nothing more, and waits until what is under way is recorded.
    pub(crate) async fn stop(&self) {
        let _ = self.actor.send(StopMails).await;
    }
}

struct MailLog {
    database: Database,
    open_lane: OpenLane,
    metrics: Arc<Metrics>,
    /// Mails that are sent at one time.
    most: usize,
    /// How long a claim holds.
    hold: Duration,
    sender: Arc<MailSender>,
    breaker: Breaker,
    /// Lent to the turn at the database; none: not made yet, or it broke.
    connection: Option<Box<Connection>>,
    at_database: bool,
    more_due: bool,
    /// What is being sent. A mail that is claimed again meanwhile is left alone.
    sending: HashSet<MailId>,
    /// What is not recorded yet.
    ended: Vec<MailTry>,
    stopping: bool,
    idle: Arc<Notify>,
}

impl Actor for MailLog {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.more_due = true;
        ctx.run_interval(TICK, |actor, ctx| {
            actor.more_due = true;
            actor.go_on(ctx);
        });
        self.go_on(ctx);
    }
}

impl Handler<MailsDue> for MailLog {
    type Result = ();

    fn handle(&mut self, _: MailsDue, ctx: &mut Self::Context) {
        self.more_due = true;
        self.go_on(ctx);
    }
}

impl Handler<AnotherWay> for MailLog {
    type Result = ();

    fn handle(&mut self, AnotherWay(settings): AnotherWay, ctx: &mut Self::Context) {
        self.most = settings.connections();
        self.hold = settings.timeout() + MARGIN;
        let old = std::mem::replace(&mut self.sender, Arc::new(MailSender::new(settings)));
        // What is known of the old server says nothing of the new one.
        self.breaker = Breaker::default();
        actix::spawn(async move { old.close().await });
        self.more_due = true;
        self.go_on(ctx);
    }
}

impl Handler<StopMails> for MailLog {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopMails, ctx: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        self.go_on(ctx);
        if self.is_idle() {
            // A permit for the task that is about to wait.
            self.idle.notify_one();
        }
        let (idle, sender) = (Arc::clone(&self.idle), Arc::clone(&self.sender));
        Box::pin(async move {
            idle.notified().await;
            sender.close().await;
        })
    }
}

impl MailLog {
    fn is_idle(&self) -> bool {
        self.sending.is_empty() && self.ended.is_empty() && !self.at_database
    }

    /// One turn at the database at a time: first what ended is recorded, then as much is claimed
    /// as can be sent.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.at_database {
            return;
        }
        let lane = self.lane();
        let under_way = self.sending.len() + self.ended.len();
        let room = self.breaker.room(self.most, Instant::now());
        let room = room.saturating_sub(self.sending.len());
        // What cannot be recorded keeps its place, so that a database that is away bounds it.
        let may_claim = !self.stopping
            && self.more_due
            && lane.is_some_and(|(_, may_begin)| may_begin)
            && under_way < self.most * 2;
        let room = if may_claim { room } else { 0 };
        if self.ended.is_empty() && room == 0 {
            return;
        }
        self.at_database = true;
        let turn = Turn {
            database: self.database.clone(),
            connection: self.connection.take(),
            lane: lane.map(|(lane, _)| lane),
            ended: std::mem::take(&mut self.ended),
            room,
            hold: self.hold,
        };
        // On the thread: within the actor's context it would be polled at each message.
        let turn = actix::spawn(turn.take());
        let turn = actix::fut::wrap_future::<_, Self>(turn);
        ctx.spawn(turn.map(|taken, actor, ctx| {
            actor.at_database = false;
            // If it panicked, what had ended is tried again when its claims run out.
            if let Ok(taken) = taken {
                actor.taken(taken, ctx);
            }
        }));
    }

    fn lane(&self) -> Option<(LaneId, bool)> {
        let lane = self.open_lane.get()?;
        Some((lane.id, lane.may_begin()))
    }

    fn taken(&mut self, taken: Taken, ctx: &mut Context<Self>) {
        self.connection = taken.connection;
        self.ended.extend(taken.unrecorded);
        if let Some(claimed) = taken.claimed {
            self.more_due = claimed.len() >= taken.room.max(1);
            for mail in claimed {
                self.begin(mail, ctx);
            }
        }
        if self.stopping && self.is_idle() {
            self.idle.notify_one();
        }
        if taken.away {
            // The tick comes back to it.
            return;
        }
        self.go_on(ctx);
    }

    fn begin(&mut self, mail: ClaimedMail, ctx: &mut Context<Self>) {
        if !self.sending.insert(mail.id()) {
            return;
        }
        self.metrics.mail.under_way.add(1);
        let sender = Arc::clone(&self.sender);
        let server_is_down = self.breaker.is_open();
        let jitter = rand::rng().random::<f64>();
        let id = mail.id();
        let sent = actix::spawn(async move { send(&sender, &mail, server_is_down, jitter).await });
        let sent = actix::fut::wrap_future::<_, Self>(sent);
        ctx.spawn(sent.map(move |ended, actor, ctx| {
            actor.sending.remove(&id);
            let metrics = &actor.metrics.mail;
            metrics.under_way.add(-1);
            // If it panicked, its claim runs out and it is tried again.
            if let Ok(EndedTry {
                record,
                reached,
                took,
            }) = ended
            {
                count(metrics, record.outcome, took);
                if let Some(change) = reached.and_then(|it| actor.breaker.note(it, Instant::now()))
                {
                    log_change(change, &record.reply);
                }
                metrics.down.set(i64::from(actor.breaker.is_open()));
                actor.ended.push(record);
            }
            actor.go_on(ctx);
        }));
    }
}

/// Counts a try; `took`: the mail server was asked.
fn count(metrics: &MailMetrics, outcome: TryOutcome, took: Option<Duration>) {
    match outcome {
        TryOutcome::Sent => metrics.sent.add(1),
        TryOutcome::Failed => metrics.failed.add(1),
        TryOutcome::Retry => metrics.retried.add(1),
    }
    if let Some(took) = took {
        metrics.took.took(took);
    }
}

fn log_change(change: breaker::BreakerChange, reply: &str) {
    match change {
        breaker::BreakerChange::Down => {
            tracing::warn!(reply, "the mail server is not at work; mails wait");
        }
        breaker::BreakerChange::Up => tracing::info!("the mail server is at work again"),
    }
}

/// One turn at the database.
struct Turn {
    database: Database,
    connection: Option<Box<Connection>>,
    lane: Option<LaneId>,
    ended: Vec<MailTry>,
    room: usize,
    hold: Duration,
}

/// What came of it.
struct Taken {
    connection: Option<Box<Connection>>,
    /// What may not be recorded yet.
    unrecorded: Vec<MailTry>,
    /// None: nothing was asked for, or the database is away.
    claimed: Option<Vec<ClaimedMail>>,
    room: usize,
    away: bool,
}

impl Turn {
    async fn take(mut self) -> Taken {
        let room = self.room;
        let away = |unrecorded| Taken {
            connection: None,
            unrecorded,
            claimed: None,
            room,
            away: true,
        };
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => within(self.database.dedicated()).await.map(Box::new),
        };
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "mails cannot be claimed or recorded; trying again");
                return away(self.ended);
            }
        };
        if let Err(error) = within(record(&mut connection, self.lane, &self.ended)).await {
            tracing::warn!(%error, "tries of mails could not be recorded; trying again");
            if error.is_away() {
                return away(self.ended);
            }
            // What fits may not suffer from what does not.
            for one in &self.ended {
                let recorded = record(&mut connection, self.lane, std::slice::from_ref(one));
                if let Err(error) = within(recorded).await {
                    tracing::error!(%error, mail = %one.mail, "a try cannot be recorded");
                }
            }
        }
        let claimed = match (self.room, self.lane) {
            (0, _) | (_, None) => None,
            (room, Some(lane)) => {
                match within(claim(&mut connection, lane, room, self.hold)).await {
                    Ok(claimed) => Some(claimed),
                    Err(error) => {
                        tracing::warn!(%error, "mails could not be claimed; trying again");
                        return away(Vec::new());
                    }
                }
            }
        };
        Taken {
            connection: Some(connection),
            unrecorded: Vec::new(),
            claimed,
            room,
            away: false,
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_elapsed) => Err(StoreError::Away("it took over 15 s".to_owned())),
    }
}
