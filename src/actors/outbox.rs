//! What one delivery thread has to tell Recorder: gathered, so that it is told in batches and
//! not row by row.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Handler, Message};
use tokio::sync::Semaphore;

use super::attempt;
use super::figures::Figures;
use super::recorder::{FirstAttempt, RecordAttempts, Recorder};
use super::tell::tell;
use crate::store::record::AttemptRecord;

/// Attempts that are told at once.
const FULL: usize = 128;
/// How long an attempt waits for others, at most.
const WAIT: Duration = Duration::from_millis(3);

/// The outbox of a thread.
pub(super) struct Outbox {
    recorder: Addr<Recorder>,
    attempts: RefCell<RecordAttempts>,
    waiting: Cell<bool>,
    /// Attempts that may be unrecorded at once, over all threads.
    unrecorded: Arc<Semaphore>,
    figures: Arc<Figures>,
}

impl Outbox {
    pub(super) fn new(
        recorder: Addr<Recorder>,
        unrecorded: Arc<Semaphore>,
        figures: Arc<Figures>,
    ) -> Rc<Self> {
        Rc::new(Self {
            recorder,
            attempts: RefCell::new(RecordAttempts::default()),
            waiting: Cell::new(false),
            unrecorded,
            figures,
        })
    }

    /// Waits until another attempt may be made: while the database is away, none is.
    pub(super) async fn room(&self) {
        if let Ok(permit) = self.unrecorded.acquire().await {
            // Recorder gives it back when the attempt is recorded.
            permit.forget();
        }
    }

    /// An attempt was not made after all.
    pub(super) fn give_back(&self) {
        self.unrecorded.add_permits(1);
    }

    /// Takes the rest of an attempt's weight; it loses what is not needed if there is no room.
    fn weigh(&self, record: &mut AttemptRecord) {
        let rest = u32::try_from(record.weight() - 1).unwrap_or(u32::MAX);
        match self.unrecorded.try_acquire_many(rest) {
            Ok(permits) => permits.forget(),
            Err(_none) => attempt::shorten(record),
        }
    }

    pub(super) fn first(self: &Rc<Self>, mut attempt: FirstAttempt) {
        self.weigh(&mut attempt.record);
        self.attempts.borrow_mut().first.push(attempt);
        self.told();
    }

    pub(super) fn long(self: &Rc<Self>, mut attempt: FirstAttempt) {
        self.weigh(&mut attempt.record);
        self.attempts.borrow_mut().long.push(attempt);
        self.told();
    }

    pub(super) fn claimed(self: &Rc<Self>, mut attempt: AttemptRecord) {
        self.weigh(&mut attempt);
        self.attempts.borrow_mut().claimed.push(attempt);
        self.told();
    }

    fn told(self: &Rc<Self>) {
        if self.attempts.borrow().len() >= FULL {
            self.flush();
        } else if !self.waiting.replace(true) {
            let me = Rc::clone(self);
            actix::spawn(async move {
                tokio::time::sleep(WAIT).await;
                me.waiting.set(false);
                me.flush();
            });
        }
    }

    /// Tells Recorder now.
    pub(super) fn flush(&self) {
        let attempts = self.attempts.take();
        if attempts.len() > 0 {
            // Bounded by `unrecorded`.
            self.tell(attempts);
        }
    }

    /// Tells Recorder something of which something else bounds how much there is.
    pub(super) fn tell<M>(&self, message: M)
    where
        Recorder: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        self.figures.mailboxes.recorder.add(1);
        tell(&self.recorder, message);
    }
}
