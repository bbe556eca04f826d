//! The pages as a browser without scripts meets them: what they show, and what their forms do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod activity;
mod deliveries;
mod desk;
mod events;
mod forms;
mod mail;
mod masked;
mod overview;
mod plugins;
mod settings;
mod webhooks;
