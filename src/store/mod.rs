//! The database: the only place that knows Diesel and SQL. One aggregate a file; what runs for
//! each batch of events is in `.sql` files beside its function.
//!
//! Nothing here decides what should happen; it only makes happen, in one statement or one
//! transaction, what its caller decided.

#[macro_use]
mod statement;
pub mod account;
pub mod activity;
pub mod activity_keyed;
pub mod activity_marks;
pub mod activity_type;
pub mod attention;
pub mod audit;
pub mod bounds;
pub mod cancel;
pub mod claim;
pub mod clock;
mod database;
pub mod delivery_log;
mod enums;
mod error;
pub mod event;
pub mod event_type;
pub mod feature_level;
#[allow(unreachable_pub, reason = "Diesel makes its functions public")]
mod fold;
pub mod fresh;
pub mod held;
pub mod hop;
pub mod ingest;
pub mod known_browser;
pub mod lane;
pub mod last_error;
pub mod made_key;
pub mod mail;
pub mod mail_log;
mod migration;
pub mod notice;
pub mod open_count;
pub mod outgoing;
pub mod partition;
pub mod plugin_health;
pub mod plugin_state;
pub mod pooler;
pub mod profile;
pub mod record;
pub mod recorded;
pub mod resend;
pub mod retention;
pub mod rotation;
pub mod routing;
pub mod sample;
#[allow(
    missing_docs,
    unreachable_pub,
    reason = "written by `diesel print-schema`"
)]
mod schema;
pub mod seal;
pub mod secret;
pub mod server;
pub mod session;
pub mod session_note;
pub mod sign_in;
pub mod stat;
pub mod subscription;
pub mod subscription_name;
pub mod subscription_count;
mod subscription_note;
pub mod token;
pub mod trial;
pub mod user;
pub mod user_change;
pub mod user_link;
pub mod webhook_names;

pub use database::{Connection, Database, PoolUse, PooledConnection, READ_WITHIN, reading};
pub use error::{DISK_FULL, StoreError, is_disk_full};
pub use migration::{SchemaState, migrate, revert_all, schema_state};
