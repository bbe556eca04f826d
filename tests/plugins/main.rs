//! The plugin runtime from outside: what scripts can do, what stops those that mean harm, and
//! that JSON goes through them unchanged. No daemon and no database take part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod compile;
mod functions;
mod hooks;
mod identity;
mod isolation;
mod library;
mod support;
