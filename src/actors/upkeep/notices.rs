//! Looks now and then whether something is to be reported to an account's admins.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::actors::mail::Mails;
use crate::config::Live;
use crate::store::{Database, notice};

/// How often.
const TICK: Duration = Duration::from_secs(5);

/// What it reports is derived from tables: the next look makes up for one that is lost.
pub(crate) struct Notices {
    pub(crate) database: Database,
    pub(crate) mails: Mails,
    /// How long a target may fail before it is reported.
    pub(crate) failing_for: Arc<Live<Duration>>,
    pub(crate) looking: bool,
}

impl Actor for Notices {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, Self::look);
    }
}

impl Notices {
    fn look(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let (database, failing_for) = (self.database.clone(), *self.failing_for.get());
        // On the thread: within the actor's context it would be polled at each message.
        let look = actix::spawn(async move { notice::report(&database, failing_for).await });
        let look = actix::fut::wrap_future::<_, Self>(look);
        ctx.spawn(look.map(|reported, actor, _| {
            actor.looking = false;
            match reported {
                Ok(Ok(0)) | Err(_) => {}
                Ok(Ok(mails)) => {
                    tracing::info!(mails, "notified admins of what changed");
                    actor.mails.wake();
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "admins could not be notified; trying again");
                }
            }
        }));
    }
}
