//! The actors: what happens when.
//!
//! An event comes in through `intake` and goes out through `delivery`; `upkeep` keeps the rest in
//! order, `observe` counts and logs what happens, `plugins` has the scripts at work, and `mail`
//! sends mails. [`Engine`] starts all of them and is the handle for the layers above.
//!
//! Rows are the truth and messages are hints: whatever vanishes with a message, a mailbox or a
//! thread, the database knows enough to do it (again).

mod delivery;
mod engine;
mod intake;
mod mail;
mod observe;
mod plugins;
mod routing;
mod shares;
mod tell;
mod upkeep;

pub use crate::store::made_key::KeyRefused;
pub use engine::tuning::Tuning;
pub use engine::{Engine, EngineHealth, EngineSettings};
pub use intake::activity_log::RecordError;
pub use intake::checking::{Check, Checked, JudgedSchema};
pub use intake::publishing::{IdempotencyKey, NewEvent, PublishError, Receipt};
pub use mail::Mails;
pub use observe::heartbeat::Heartbeats;
pub use observe::metrics::{CountsRead, DatabaseView, Distribution, OutcomeCounts};
pub use observe::view::{
    ActivityMetricsView, DeliveryMetricsView, IntakeView, LaneView, MailMetricsView, MetricsView,
    PoolView, RecorderView, WrittenView,
};
pub use plugins::{
    DryRunError, MOST_DRY_RUNS, PluginReport, PluginStatus, Plugins, TroubledAccount,
};
pub use routing::{RoutingTable, TypeEntry};
pub use shares::{Share, Shares};
pub use upkeep::auditor::AuditError;
pub use upkeep::retention::Retention;
