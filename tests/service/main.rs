//! Herald as a service: its units, the sockets that systemd hands over, restarts under load, log
//! lines for the journal, the watchdog, and how long a start takes. What needs a whole machine
//! stands in `tests/machine`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

#[path = "../support/mod.rs"]
mod support;

mod activated;
mod journal;
mod restart;
mod sockets;
mod start;
mod stop;
mod units;
mod watchdog;
