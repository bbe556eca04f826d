//! What comes in: publish requests are gathered into batches and committed, with the daemon's lane
//! around them. In the order of an event's way: `publishing`, `actor`, `batch`, `lane`, `memory`.
//!
//! Beside it: schemas that events are checked by, counts of idempotency keys, and the activities
//! that the host application records.

pub(crate) mod activity_log;
pub(crate) mod actor;
mod batch;
pub(crate) mod checking;
mod key_counts;
pub(crate) mod lane;
pub(crate) mod memory;
pub(crate) mod publishing;
