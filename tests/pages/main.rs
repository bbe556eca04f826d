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
mod gates;
#[path = "../support/mod.rs"]
mod support;

use herald::http::access::TABLE;
use serde_json::json;

use desk::{given, herald, run};

/// What browsers get that is no page of its own, by the pattern in the table.
const PARTS: &[&str] = &[];

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

#[test]
fn every_page_is_accessible_and_fits_light_and_dark_wide_and_narrow() {
    let herald = herald();
    let page = |pattern: &&str| !PARTS.contains(pattern);
    let gets = TABLE
        .iter()
        .filter(|it| it.access.is_page() && it.method == "GET");
    let patterns: Vec<&str> = gets.map(|it| it.pattern).filter(page).collect();
    let added = ["user", "add", "new@example.com", "--role", "viewer"];
    let mut given = given(&herald);
    given["patterns"] = json!(patterns);
    given["invitation"] = json!(herald.run(&added).trim());
    run("looks", &given);
}
