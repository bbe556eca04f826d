//! Whom the auth middleware let in to a page.

use crate::service::callers::Caller;

/// Whom the auth middleware let in to a page. It is not a [`Caller`], so no handler of the API can
/// be reached without the proof.
#[derive(Debug, Clone)]
pub(super) struct Visitor(pub Caller);
