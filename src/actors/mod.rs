//! The actors: Intake, Dispatcher, one Subscription for each webhook, Recorder, ActivityLog,
//! Housekeeper, StatFlusher.
//!
//! Rows are the truth and messages are hints: whatever vanishes with a message, a mailbox or a
//! thread, the database knows enough to do it (again).

mod activity_log;
mod attempt;
mod auditor;
mod batch;
mod checking;
mod dispatcher;
mod engine;
mod figures;
mod housekeeper;
mod in_flight;
mod intake;
mod key_counts;
mod key_keeper;
mod lane;
mod line;
mod mail_log;
mod memory;
mod notices;
mod outbox;
mod own_schema;
mod plugins;
mod publishing;
mod pulse;
mod recorder;
mod round;
mod routing;
mod shares;
mod stat_flusher;
mod stats;
mod subscription;
mod tell;
mod trail;
mod tuning;

pub use crate::store::made_key::KeyRefused;
pub use activity_log::RecordError;
pub use auditor::AuditError;
pub use checking::{Check, Checked, Judged};
pub use engine::{Engine, EngineSettings, Health};
pub use figures::{
    ActivityView, Counts, CountsRead, DatabaseView, DeliveryView, Distribution, FiguresView,
    IntakeView, LaneView, MailView, PoolView, RecorderView, WrittenView,
};
pub use mail_log::Mails;
pub use plugins::{
    DryRunError, MOST_DRY_RUNS, PluginReport, PluginStatus, Plugins, TroubledAccount,
};
pub use publishing::{IdempotencyKey, NewEvent, PublishError, Receipt};
pub use pulse::Pulses;
pub use routing::{RoutingTable, TypeEntry};
pub use shares::{Share, Shares};
pub use tuning::{Retention, Tuning};
