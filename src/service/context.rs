//! What an operation on the things of an account needs.

use super::callers::Caller;
use crate::actors::Engine;
use crate::domain::activity::Actor;
use crate::domain::id::AccountId;
use crate::store::Database;

/// Who does something in which account of a running daemon.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The actors and the database.
    pub engine: &'a Engine,
    /// The account whose things are meant.
    pub account: AccountId,
    /// Who asks.
    pub caller: &'a Caller,
}

impl<'a> Context<'a> {
    /// The database.
    #[must_use]
    pub fn database(&self) -> &'a Database {
        self.engine.database()
    }

    /// Who asks, as the activity log names them.
    #[must_use]
    pub fn by(&self) -> Actor {
        self.caller.actor()
    }
}
