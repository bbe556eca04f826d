//! The actors: Intake, Dispatcher, one Subscription for each webhook, Recorder, Housekeeper.

mod engine;
mod types;

pub use engine::{Engine, Health, IdempotencyKey, KeyReused, NewEvent, PublishError, Receipt};
pub use types::{TypeEntry, TypeTable};
