//! What goes out: the way of a committed event to its targets, and what is written of it.
//!
//! In the order of an event's way: [`dispatcher`] hands it to the actor of each subscription
//! ([`subscription`]), whose [`queue`] it waits in until a task ([`queue`]'s `worker`) makes the
//! [`attempt`]. The result is gathered by thread in the [`attempt_buffer`] and written by the
//! [`recorder`], one [`write_batch`] at a time.

pub(crate) mod attempt;
pub(crate) mod attempt_buffer;
pub(crate) mod dispatcher;
mod queue;
pub(crate) mod recorder;
mod subscription;
mod write_batch;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use self::attempt_buffer::{AttemptBuffer, PendingWriter};
use crate::actors::intake::lane::OpenLane;
use crate::actors::mail::Mails;
use crate::actors::observe::metrics::{Metrics, ThreadMetrics};
use crate::actors::plugins::{Plugins, Scripts};
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::store::Database;
use crate::store::clock::DatabaseClock;
use crate::transport::{Client, TlsSettings};

/// What delivering needs of the rest. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DeliveryParts {
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) rules: Arc<Live<AddressRules>>,
    pub(crate) tls: TlsSettings,
    pub(crate) writer: PendingWriter,
    pub(crate) open_lane: OpenLane,
    pub(crate) plugins: Plugins,
    pub(crate) mails: Mails,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the subscriptions of one delivery thread share: the client with its connections, the
/// compiled scripts, and the buffer of ended attempts.
struct DeliveryThread {
    client: Client,
    scripts: Scripts,
    buffer: Rc<AttemptBuffer>,
    metrics: Arc<ThreadMetrics>,
}

impl DeliveryThread {
    /// This thread's, made at first use.
    fn current(parts: &DeliveryParts) -> Rc<Self> {
        thread_local! {
            static THREAD: RefCell<Option<Rc<DeliveryThread>>> = const { RefCell::new(None) };
        }
        THREAD.with(|slot| {
            let mut slot = slot.borrow_mut();
            Rc::clone(slot.get_or_insert_with(|| {
                Rc::new(Self {
                    client: Client::new(Arc::clone(&parts.rules), Arc::clone(&parts.tls)),
                    scripts: Scripts::new(parts.plugins.clone()),
                    buffer: AttemptBuffer::new(parts.writer.clone()),
                    metrics: parts.metrics.thread(),
                })
            }))
        })
    }
}
