//! What Herald promises of deliveries: a real daemon, real PostgreSQL, real receivers, and
//! targets that misbehave. What breaks the daemon itself under load stands in `tests/faults`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod addresses;
mod answers;
mod crash;
mod early;
mod framing;
mod holding;
mod idempotency;
mod kept;
mod memory;
mod permission;
mod resend;
mod retry;
mod secrets;
mod several;
mod start_stop;
mod trial;
