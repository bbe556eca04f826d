//! The actors: Intake, Dispatcher, one Subscription for each webhook, Recorder, Housekeeper.

mod engine;

pub use engine::{Engine, Health, IdempotencyKey, KeyReused, NewEvent, PublishError, Receipt};
