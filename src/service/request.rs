//! The request that is being answered: its id goes to the caller, and into the log with what only
//! the operator can fix.

use tokio::task::futures::TaskLocalFuture;

use crate::domain::id::RequestId;

tokio::task_local! {
    static ID: RequestId;
}

/// Runs what answers the request with this id.
pub fn answering<F: Future>(id: RequestId, answer: F) -> TaskLocalFuture<RequestId, F> {
    ID.scope(id, answer)
}

/// The id of the request that is being answered; none: this is a command, or a daemon's own work.
#[must_use]
pub fn id() -> Option<RequestId> {
    ID.try_with(|id| *id).ok()
}
