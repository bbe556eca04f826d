//! What the HTTP API promises, asked of a real daemon on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits where nothing may happen"
)]

mod access;
mod bad_input;
mod bounds;
mod deliveries;
mod dry_run;
mod event_types;
mod hops;
mod hostile;
mod made_once;
mod masked;
mod plugins;
mod publishing;
mod request_id;
mod shares;
mod subscriptions;
