//! The statements that the invariants rest on, run against a real database: fences, keys,
//! claims, recording, closing of lanes, partitions, retention, lists of deliveries, the activity log, migrations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test ends at the first surprise"
)]

mod activity;
mod bench;
mod claim;
mod feature_level;
mod fold;
mod ingest;
mod lane;
mod lists;
mod mail;
mod record;
mod retention;
mod schema;
mod stat;
