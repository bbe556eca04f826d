//! SIGHUP: what can change while the daemon runs is in force at once, with a fault nothing is, and
//! both are told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod changes;
mod faults;
mod manager;

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Herald, wait_for};

/// What every file of these tests says, so that targets on this machine are permitted.
const USUAL: &str = "allow_networks = [\"127.0.0.0/8\", \"::1/128\"]\n";

/// A daemon whose settings are in a file.
struct Desk {
    herald: Herald,
    file: PathBuf,
}

impl Deref for Desk {
    type Target = Herald;

    fn deref(&self) -> &Herald {
        &self.herald
    }
}

impl Desk {
    fn new(text: &str) -> Self {
        Self::with(text, &[])
    }

    fn with(text: &str, environment: &[(&str, &str)]) -> Self {
        let file = crate::support::folder().join("herald.toml");
        fs::write(&file, text).unwrap();
        let named = [("HERALD_CONFIG", file.to_str().unwrap())];
        let herald = Herald::launch_with(&[&named, environment].concat());
        Self { herald, file }
    }

    /// Writes the file anew, without any signal.
    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    /// Has the settings read anew, and waits until that is recorded. Answers the record.
    fn reload(&self, text: &str) -> Value {
        self.write(text);
        let before = self.reloads().len();
        self.signal("HUP");
        wait_for("the reload to be recorded", || {
            let mut reloads = self.reloads();
            (reloads.len() > before).then(|| reloads.remove(0))
        })
    }

    /// What the activity log tells of reloads, newest first.
    fn reloads(&self) -> Vec<Value> {
        let all = self.list("/v1/activities?group=Herald");
        let name = |it: &Value| it["activity"].as_str().unwrap_or_default().to_owned();
        let ours = all
            .into_iter()
            .filter(|it| name(it).starts_with("Settings "));
        ours.collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(folder) = self.file.parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
