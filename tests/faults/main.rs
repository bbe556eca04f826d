//! Breaking the daemon and its database on purpose, as real processes, under load. After each
//! fault: every event answered 202 is in the receiver's own ledger, the audit finds nothing lost
//! and nothing double, and nothing that was recorded `sent` came a second time.

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

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod database;
mod full_disk;
mod ledger;
mod load;
mod process;
mod stat;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Faults under load are measured one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
