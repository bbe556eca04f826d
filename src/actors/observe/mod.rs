//! What the daemon shows of itself: numbers, counts of what was recorded, the steps of an event in
//! the log, and the heartbeats of its parts. Nothing is decided by any of it, but for the watchdog.

pub(crate) mod event_trace;
pub(crate) mod heartbeat;
pub(crate) mod metrics;
pub(crate) mod sampler;
pub(crate) mod stats;
pub(crate) mod view;
