//! What the daemon shows of itself: numbers, counts of what was recorded, the steps of an event in
//! the log, and the heartbeats of its parts. Two of them decide something: the heartbeats, whether the
//! watchdog is fed, and how far the counts are written, which minutes of a lane are repaired.

pub(crate) mod event_trace;
pub(crate) mod heartbeat;
pub(crate) mod metrics;
pub(crate) mod sampler;
pub(crate) mod stats;
pub(crate) mod view;
