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

use std::fs;
use std::path::Path;

use herald::http::routes::TABLE;
use serde_json::{Value, json};

use desk::{given, herald, run};
use support::Herald;

/// What browsers get that is no page of its own, by the pattern in the table.
const PARTS: &[&str] = &["/deliveries/live", "/events/{id}/raw", "/mail/{id}/html"];

/// A script has screens, which wait, and never the browser's own page, which answers at once.
#[test]
fn no_script_looks_before_the_page_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let scripts = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let scripts: Vec<_> = scripts
        .filter(|it| it.extension().is_some_and(|it| it == "mjs"))
        .collect();
    assert!(scripts.len() > 8, "{scripts:?}");
    let hasty = [
        "screen.mjs",
        "playwright",
        "node:timers",
        "setTimeout(resolve",
    ];
    for script in scripts {
        let text = fs::read_to_string(&script).unwrap();
        for word in hasty {
            assert!(!text.contains(word), "{word} in {}", script.display());
        }
    }
}

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

/// What a script is told that goes to every page.
fn given_pages(herald: &Herald) -> Value {
    let page = |pattern: &&str| !PARTS.contains(pattern);
    let gets = TABLE
        .iter()
        .filter(|it| it.access.is_page() && it.method == "GET");
    let patterns: Vec<&str> = gets.map(|it| it.pattern).filter(page).collect();
    // Some pages are about others alone: nobody removes themselves, or the account main.
    herald.run(&["user", "add", "other@example.com", "--role", "viewer"]);
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut client = herald.client.clone();
    client.token = Some(operator.trim().to_owned());
    let account = json!({ "name": "second" });
    client.post("/v1/accounts", &account).expect(201);
    let mut given = given(herald);
    given["patterns"] = json!(patterns);
    given
}

#[test]
fn every_page_is_accessible_and_fits_light_and_dark_wide_and_narrow() {
    let herald = herald();
    let added = ["user", "add", "new@example.com", "--role", "viewer"];
    let mut given = given_pages(&herald);
    given["invitation"] = json!(herald.run(&added).trim());
    run("looks", &given);
}

#[test]
fn a_webhook_is_made_watched_mended_and_ended_by_mouse() {
    let herald = herald();
    run("webhooks", &given(&herald));
}

#[test]
fn everything_is_done_by_keyboard_alone_and_the_focus_is_always_seen() {
    let herald = herald();
    run("keyboard", &given(&herald));
}

#[test]
fn without_scripts_pages_read_filter_sort_and_change_things() {
    let herald = herald();
    run("plain", &given_pages(&herald));
}

#[test]
fn what_others_wrote_is_shown_as_text_wherever_it_stands() {
    let herald = herald();
    run("hostile", &given_pages(&herald));
}

#[test]
fn deliveries_come_in_live_until_it_is_paused() {
    let herald = herald();
    run("live", &given(&herald));
}

#[test]
fn a_payload_of_thousands_of_lines_is_read_searched_and_copied_whole() {
    let herald = herald();
    run("payload", &given(&herald));
}

#[test]
fn what_happened_is_found_in_the_logs_and_tried_again_by_mouse() {
    let herald = herald();
    run("logs", &given(&herald));
}

#[test]
fn people_are_invited_change_what_is_theirs_and_leave_by_mouse() {
    let herald = herald();
    run("people", &given(&herald));
}
