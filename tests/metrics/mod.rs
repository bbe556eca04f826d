//! What Herald tells about itself: metrics and the trail of an event in the log, from a real daemon
//! on a real PostgreSQL; alert rules and dashboard against the metrics that really exist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod counted;
mod dashboard;
mod desk;
mod lines;
mod rules;
mod trail;
