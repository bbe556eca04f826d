//! Looks now and then whether an account's admins have something to be told.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::mail_log::Mails;
use crate::config::Live;
use crate::store::{Database, notice};

/// How often.
const TICK: Duration = Duration::from_secs(5);

/// The actor. What it tells is derived from tables: a look that is lost is made up by the next.
pub(super) struct Notices {
    pub(super) database: Database,
    pub(super) mails: Mails,
    /// How long a target may fail before anybody is told.
    pub(super) failing_for: Arc<Live<Duration>>,
    pub(super) looking: bool,
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
        let look = actix::spawn(async move { notice::tell(&database, failing_for).await });
        let look = actix::fut::wrap_future::<_, Self>(look);
        ctx.spawn(look.map(|told, actor, _| {
            actor.looking = false;
            match told {
                Ok(Ok(0)) | Err(_) => {}
                Ok(Ok(mails)) => {
                    tracing::info!(mails, "told admins what changed");
                    actor.mails.wake();
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "admins could not be told what changed; trying again");
                }
            }
        }));
    }
}
