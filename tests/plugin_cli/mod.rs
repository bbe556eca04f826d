//! Plugins from an operator's side: the folder as it is followed, and `herald plugin`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test ends at the first surprise, and may wait as a person does"
)]

mod cloudevents;
mod commands;
mod watcher;
