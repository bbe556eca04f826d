//! What schemas of accounts may cost: the search for the worst, and a real daemon whose other
//! accounts go on beside hostile ones.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod known;
mod search;

use std::process::Command;
use std::time::Duration;

use search::search;

/// How long one schema or one event may hold a thread.
const MOST: Duration = Duration::from_millis(50);
/// The same for a build that is not optimised, its libraries neither. `scripts/bench
/// --only schemas` holds a release build to the bound itself.
const MOST_NOT_OPTIMISED: Duration = Duration::from_secs(2);
/// By how much the process may grow.
const MOST_GROWTH: u64 = 64 << 20;

/// `HERALD_TEST_SEARCH_SECONDS` makes it longer, `HERALD_TEST_SEARCH_SEED` another one.
#[test]
fn the_worst_that_a_search_finds_holds_no_thread_for_50_ms_and_takes_no_64_mib() {
    if std::env::var_os(CHILD).is_none() {
        return in_a_process_of_its_own();
    }
    let (seconds, seed) = (seconds(), setting("HERALD_TEST_SEARCH_SEED", 1));
    let found = search(seed, Duration::from_secs(seconds));
    println!("seed {seed}, {seconds} s\n{}", found.report());
    assert!(
        found.schemas > 20 && found.checks > 50,
        "the search found too little"
    );
    let most = if cfg!(debug_assertions) {
        MOST_NOT_OPTIMISED
    } else {
        MOST
    };
    for dear in found.compiled.iter().chain(&found.checked) {
        assert!(dear.took < most, "{:?}: {}", dear.took, dear.what);
    }
    assert!(found.growth < MOST_GROWTH, "{}", found.grown_by);
}

fn seconds() -> u64 {
    setting("HERALD_TEST_SEARCH_SECONDS", 30)
}

fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Set in the process that searches.
const CHILD: &str = "HERALD_TEST_SEARCH_CHILD";

/// The memory of this process would be that of its other tests too. And what is freed goes back
/// to the system at once there, so that each step shows what it takes.
fn in_a_process_of_its_own() {
    let name = "the_worst_that_a_search_finds_holds_no_thread_for_50_ms_and_takes_no_64_mib";
    // What never ends is found too.
    let searched = Command::new("timeout")
        .arg(format!("{}s", seconds() + 120))
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env("MALLOC_TRIM_THRESHOLD_", "65536")
        .env("MALLOC_ARENA_MAX", "1")
        .status();
    assert!(searched.unwrap().success());
}
