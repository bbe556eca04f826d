//! Who the guard let in to a page.

use crate::service::callers::Caller;

/// Who the guard let in to a page. It is no [`Caller`], so that no handler of the API could be
/// reached without the proof.
#[derive(Debug, Clone)]
pub(super) struct Visitor(pub Caller);
