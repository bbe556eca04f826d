//! Herald as an administrator meets it: its package on a machine that systemd runs, and the steps
//! of docs/operating. Machines need root; for others the tests say that they were left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test ends at the first surprise, and may wait as a person does"
)]

#[path = "../support/mod.rs"]
mod support;

mod guide;
mod install;
mod installed;
mod load;
mod machine;
mod operations;
mod service;
mod upgrade;
