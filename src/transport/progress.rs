//! What is known of a request while it runs: the connector and the wire beneath awc note here what
//! awc would not pass on, and the client reads it. It holds no rules of its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::header::HeaderMap;

use super::failure::Phase;
use crate::domain::target::Target;

/// How far a request came.
#[derive(Debug)]
pub(super) struct RequestProgress {
    /// Where it goes: awc knows only what its pool needs.
    pub(super) target: Arc<Target>,
    pub(super) resolve: Cell<Duration>,
    pub(super) connect: Cell<Duration>,
    /// Set while a phase before the request itself runs.
    pub(super) phase: Cell<Option<Phase>>,
    /// A kept connection had ended before any byte of the answer: another try is due.
    pub(super) stale: Cell<bool>,
    /// No kept connection will do any more.
    pub(super) fresh: Cell<bool>,
    /// When the head of the final answer was there.
    pub(super) head_at: Cell<Option<Instant>>,
    /// The final answer, from then until the client takes it.
    pub(super) heard: RefCell<Option<Heard>>,
}

/// What is there of a final answer.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    /// At most 8 KiB of them.
    pub(super) fields: HeaderMap,
    /// What came of the body of an answer that did not become whole.
    pub(super) partial: Vec<u8>,
    /// There is more of the body than is read.
    pub(super) truncated: bool,
}

tokio::task_local! {
    /// The request for which this task polls. awc's pool connects, reads and writes within the
    /// request's own future, so a task-local reaches connector and wire.
    pub(super) static PROGRESS: Rc<RequestProgress>;
}

impl RequestProgress {
    pub(super) fn towards(target: Arc<Target>) -> Rc<Self> {
        Rc::new(Self {
            target,
            resolve: Cell::default(),
            connect: Cell::default(),
            phase: Cell::default(),
            stale: Cell::default(),
            fresh: Cell::default(),
            head_at: Cell::default(),
            heard: RefCell::default(),
        })
    }
}

/// Notes something of the request for which this task polls, if it does.
pub(super) fn note<R>(with: impl FnOnce(&RequestProgress) -> R) -> Option<R> {
    PROGRESS.try_with(|progress| with(progress)).ok()
}
