//! Mail against real servers: OpenSMTPD from Debian, which delivers to mailboxes that are read
//! back, and aiosmtpd from PyPI, which answers as it is told. Figures are printed.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod answers;
mod backlog;
mod crash;
mod deliveries;
mod delivered;
mod desk;
mod encrypted;
mod foreign;
mod injection;
mod log;
mod notices;
mod people;
mod senders;
mod server;
#[path = "../support/mod.rs"]
mod support;
