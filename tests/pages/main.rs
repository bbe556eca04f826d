//! The pages as people use them: in Chromium, by mouse and by keyboard, without scripts, in the
//! dark and on a narrow screen; and what they must not let through. The scripts beside this drive
//! the browser; `desk` runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and tells which steps it did"
)]

mod desk;
#[path = "../support/mod.rs"]
mod support;

use desk::{given, herald, run};

#[test]
fn a_person_signs_in_and_out_by_mouse() {
    let herald = herald();
    run("doors", &given(&herald));
}

#[test]
fn what_a_page_must_not_do_is_noticed() {
    let herald = herald();
    run("noticing", &given(&herald));
}
