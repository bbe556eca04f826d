//! What every handler can reach.

use std::sync::Arc;

use super::access::Table;
use super::closing::Closing;
use super::connections::Connections;
use super::hops::LoopReports;
use super::malformed::Malformed;
use super::metrics::Requests;
use super::passwords::Passwords;
use super::room::BodyRoom;
use super::rules::HttpRules;
use super::session::Sessions;
use crate::actors::Engine;
use crate::service::Directory;
use crate::service::callers::Callers;

/// What every handler can reach.
#[derive(Clone)]
pub(super) struct ServerContext {
    /// The actors and the database.
    pub engine: Engine,
    /// Who is who.
    pub callers: Arc<Callers>,
    /// Accounts, users and tokens.
    pub directory: Directory,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// The turns at hashing passwords.
    pub passwords: Passwords,
    /// What may change while it runs.
    pub rules: HttpRules,
    /// What was answered, for the metrics.
    pub requests: Arc<Requests>,
    /// Which accounts have a report of events that go in a circle.
    pub loops: Arc<LoopReports>,
    /// Who is connected.
    pub connections: Connections,
    /// The room for bodies that are being read.
    pub room: BodyRoom,
    /// Requests that could not be read.
    pub malformed: Arc<Malformed>,
    /// The end of the server.
    pub closing: Closing,
    /// The routes.
    pub table: Table,
    /// The API's document.
    pub document: fn() -> &'static str,
}
