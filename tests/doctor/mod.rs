//! `herald doctor` and `herald check-config` on machines and databases that are well and unwell,
//! and what `serve` refuses to start on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod machine;
mod pooler;
mod promises;
mod settings;

use std::process::Command;

use serde_json::Value;

/// What the doctor found.
struct Report {
    code: i32,
    value: Value,
}

impl Report {
    /// Runs it with more arguments.
    fn of(mut command: Command, arguments: &[&str]) -> Self {
        let output = command
            .args(["doctor", "--json"])
            .args(arguments)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"));
        let report = Self {
            code: output.status.code().unwrap(),
            value,
        };
        let failed = report.value["failed"].as_u64().unwrap();
        assert_eq!(report.code, i32::from(failed > 0), "{}", report.value);
        report
    }

    /// The findings of a check.
    fn all(&self, check: &str) -> Vec<&Value> {
        let findings = self.value["findings"].as_array().unwrap();
        let of_it: Vec<_> = findings.iter().filter(|it| it["check"] == check).collect();
        assert!(!of_it.is_empty(), "no {check} in {}", self.value);
        of_it
    }

    /// Asserts how a thing is, and that its words hold these; answers what to do.
    #[track_caller]
    fn expect(&self, check: &str, state: &str, words: &[&str]) -> String {
        let of_it = self.all(check);
        let found = of_it.iter().find(|it| it["state"] == state);
        let found = found.unwrap_or_else(|| panic!("{check} is not {state}: {of_it:?}"));
        for word in words {
            let text = found["found"].as_str().unwrap();
            assert!(text.contains(word), "{word} in {text}");
        }
        let remedy = found["remedy"].as_str().unwrap_or_default().to_owned();
        assert_eq!(remedy.is_empty(), state == "ok", "{found}");
        remedy
    }
}
