//! What Herald promises of scripts at work: a real daemon, real PostgreSQL, real receivers, and
//! files saved as people save them. What a script may do inside its budget stands in
//! `tests/plugins`, following the folder in `tests/plugin_cli`.

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

mod accounts;
mod apart;
mod desk;
mod held;
mod reload;
mod shape;
mod shipped;
mod suspended;
