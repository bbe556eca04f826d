//! What the operations on accounts, users and tokens need. The command line works without a daemon;
//! a running one forgets what a change concerns.

use std::sync::Arc;

use uuid::Uuid;

use super::callers::Callers;
use super::letters;
use crate::actors::Engine;
use crate::domain::user_link::LinkPurpose;
use crate::store::Database;
use crate::store::clock::DatabaseClock;
use crate::store::fresh::fresh_uuid;
use crate::store::outgoing::OutgoingMail;
use crate::store::token::TokenHash;
use crate::store::user::User;

/// Accounts, users and tokens.
#[derive(Clone)]
pub struct Directory {
    database: Database,
    /// What links begin with.
    base: String,
    daemon: Option<Daemon>,
}

/// The daemon that this is a part of.
#[derive(Clone)]
struct Daemon {
    engine: Engine,
    callers: Arc<Callers>,
}

impl Directory {
    /// Without a daemon: running ones notice a change within a second. Nothing is mailed.
    #[must_use]
    pub const fn offline(database: Database, base: String) -> Self {
        Self {
            database,
            base,
            daemon: None,
        }
    }

    /// Of a running daemon.
    #[must_use]
    pub fn of_daemon(engine: Engine, callers: Arc<Callers>, base: String) -> Self {
        Self {
            database: engine.database().clone(),
            base,
            daemon: Some(Daemon { engine, callers }),
        }
    }

    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn fresh_uuid(&self) -> Uuid {
        match &self.daemon {
            Some(daemon) => fresh_uuid(daemon.engine.clock()),
            None => fresh_uuid(&DatabaseClock::new()),
        }
    }

    /// The address of a single-use link.
    #[must_use]
    pub fn link(&self, purpose: LinkPurpose, token: &str) -> String {
        purpose.address(&self.base, token)
    }

    /// What writes the mails with such links; none: there is no daemon to send them.
    pub(super) fn letters(
        &self,
    ) -> Option<impl Fn(&User, LinkPurpose, &str) -> OutgoingMail + use<>> {
        let base = self.base.clone();
        self.daemon.as_ref().map(|_| letters::with_link(base))
    }

    /// Forgets a token that is no longer in force.
    pub(super) fn forget(&self, token: &TokenHash) {
        if let Some(daemon) = &self.daemon {
            daemon.callers.forget(token);
        }
    }

    /// Forgets all callers, after a change that may concern many.
    pub(super) fn forget_all(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.callers.forget_all();
        }
    }

    /// Reports that event types or subscriptions changed.
    pub(super) async fn routing_changed(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.engine.routing_changed().await;
        }
    }
}
