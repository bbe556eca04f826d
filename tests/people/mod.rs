//! People as they meet Herald: invited, signing in and out, guessing, forgetting; and what their
//! browsers may and may not do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod browsers;
mod guessing;
mod links;
mod sessions;
mod users;

use serde_json::Value;

use crate::support::Herald;

/// A daemon behind a proxy that tells from where each request comes.
fn herald() -> Herald {
    Herald::launch_with(&[("HERALD_TRUSTED_PROXIES", "127.0.0.1/32")])
}

/// Herald's own activities of this name, newest first.
#[track_caller]
fn noted(herald: &Herald, activity: &str) -> Vec<Value> {
    let activity = activity.replace(' ', "%20");
    herald.list(&format!("/v1/activities?group=Herald&activity={activity}"))
}
